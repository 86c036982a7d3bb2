// The methods of the published clients that Latchkey does not offer, and why.

const ACCESS_TOKENS = 'there are no access tokens and service accounts yet'
const SERVICE_ACCOUNTS = 'only service accounts may, and there are none yet'
const NO_SSO = 'other identity providers are not offered'
const NO_LOG = 'the audit log cannot be read by the API yet'
const APPLICATIONS = 'applications are managed by the command line'

export const NOT_OFFERED = {
  activatePersonalAccessToken: ACCESS_TOKENS,
  archivePersonalAccessToken: ACCESS_TOKENS,
  createPersonalAccessToken: ACCESS_TOKENS,
  deactivatePersonalAccessToken: ACCESS_TOKENS,
  getPersonalAccessToken: ACCESS_TOKENS,
  listPersonalAccessTokens: ACCESS_TOKENS,
  updatePersonalAccessToken: ACCESS_TOKENS,
  activateServiceAccount: ACCESS_TOKENS,
  archiveServiceAccount: ACCESS_TOKENS,
  createServiceAccount: ACCESS_TOKENS,
  deactivateServiceAccount: ACCESS_TOKENS,
  getServiceAccount: ACCESS_TOKENS,
  listServiceAccounts: ACCESS_TOKENS,
  updateServiceAccount: ACCESS_TOKENS,
  createDelegatedRecoveryChallenge: SERVICE_ACCOUNTS,
  createDelegatedUserRecovery: SERVICE_ACCOUNTS,
  createDelegatedRegistrationChallenge: SERVICE_ACCOUNTS,
  createDelegatedUserRegistration: SERVICE_ACCOUNTS,
  delegatedLogin: SERVICE_ACCOUNTS,
  createDelegatedUserLogin: SERVICE_ACCOUNTS,
  createSocialRegistrationChallenge: NO_SSO,
  socialLogin: NO_SSO,
  ssoLogin: NO_SSO,
  ssoLoginInit: NO_SSO,
  registerEndUser: 'it makes wallets too, which are not the concern of a credential service',
  getAuditLog: NO_LOG,
  listAuditLogs: NO_LOG,
  getApplication: APPLICATIONS,
  listApplications: APPLICATIONS,
}

/** Enough of a request for any of them. */
export const ANY_REQUEST = {
  tokenId: 'to-aaaaa-bbbbb-cccccccccccccccc',
  serviceAccountId: 'us-aaaaa-bbbbb-cccccccccccccccc',
  userId: 'us-aaaaa-bbbbb-cccccccccccccccc',
  appId: 'ap-aaaaa-bbbbb-cccccccccccccccc',
  id: 'ch-aaaaa-bbbbb-cccccccccccccccc',
  body: {},
}
