//! What taking back a step would lose.

use sea_orm_migration::{
    MigratorTrait as _,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
    },
};

use crate::Migrator;

/// What is lost of one sort, and how much of it: none of what is listed is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it is, in the plural.
    pub what: &'static str,
    /// How many rows have it.
    pub rows: u64,
}

/// A step that may be taken back, and what that would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The name of the step.
    pub step: String,
    /// What would be lost; nothing when it is empty.
    pub losses: Vec<Loss>,
}

impl Newest {
    /// Whether whoever was told that agreed to all of this.
    pub(crate) fn loses_no_more_than(&self, told: &Self) -> bool {
        let was_told = |loss: &Loss| {
            let mut told = told.losses.iter();
            told.any(|told| told.what == loss.what && told.rows >= loss.rows)
        };
        self.step == told.step && self.losses.iter().all(was_told)
    }
}

/// What only the schema with a step can hold: what it is, and which rows have it.
type Held = (&'static str, &'static str);

/// What each step brought room for, by its name. A step that is not here is one that nobody knows about.
const HELD: [(&str, &[Held]); 24] = [
    (
        "m0001_foundation",
        &[
            ("organizations", "organizations"),
            ("applications", "applications"),
            ("users", "users"),
            ("registration codes", "registration_codes"),
            ("credentials", "credentials"),
            ("credential codes", "credential_codes"),
            ("things that were used up", "spent"),
            ("signed user actions", "user_actions"),
            ("installations", "installation"),
        ],
    ),
    (
        "m0002_administrators",
        &[
            ("administrators", "users WHERE is_administrator"),
            ("external ids", "users WHERE external_id IS NOT NULL"),
        ],
    ),
    (
        "m0003_approval",
        &[(
            "organizations that want approval",
            "organizations WHERE approval <> 'never'",
        )],
    ),
    ("m0004_messages", &[("messages that wait", "messages")]),
    (
        "m0005_waiting",
        &[
            (
                "credentials that wait for approval",
                "credentials WHERE waits_until IS NOT NULL",
            ),
            (
                "decisions about approval",
                "credential_codes WHERE approval IS NOT NULL",
            ),
        ],
    ),
    (
        "m0006_native_applications",
        &[(
            "applications with native ones",
            "applications WHERE android_package IS NOT NULL OR apple_app_id IS NOT NULL",
        )],
    ),
    (
        "m0007_account_codes",
        &[("codes that were mailed", "account_codes")],
    ),
    // Of the codes that somebody has to register with the newest goes back to where it was.
    (
        "m0008_registration_codes",
        &[(
            "codes to register with beside a newer one",
            "account_codes AS code WHERE kind = 'Registration' AND EXISTS (
                SELECT 1 FROM account_codes AS newer
                WHERE newer.user_id = code.user_id AND newer.kind = 'Registration'
                    AND (newer.issued > code.issued OR (newer.issued = code.issued AND newer.id > code.id))
            )",
        )],
    ),
    (
        "m0009_code_epochs",
        &[("epochs of codes", "account_codes WHERE epoch <> 0")],
    ),
    // Names stay as they are.
    ("m0010_username_keys", &[]),
    ("m0011_index_of_administrators", &[]),
    ("m0012_index_of_passkeys", &[]),
    (
        "m0013_events",
        &[("events of commands that are still to be told", "events")],
    ),
    (
        "m0014_transports",
        &[(
            "transports of passkeys",
            "credentials WHERE transports IS NOT NULL",
        )],
    ),
    (
        "m0015_pages_of_applications",
        &[(
            "applications that say where their pages are",
            "applications WHERE NOT has_pages OR enrol_url IS NOT NULL",
        )],
    ),
    (
        "m0016_released_codes",
        &[(
            "codes that were given back",
            "credential_codes WHERE released IS NOT NULL",
        )],
    ),
    (
        "m0017_bound_codes",
        &[(
            "codes for one application, kind or name",
            "credential_codes WHERE for_application IS NOT NULL OR for_kinds IS NOT NULL \
             OR for_name IS NOT NULL",
        )],
    ),
    (
        "m0018_freshness",
        &[(
            "organizations whose credentials are fresh for a time",
            "organizations WHERE freshness IS NOT NULL",
        )],
    ),
    (
        "m0019_code_requests",
        &[
            ("requests for codes", "code_requests"),
            (
                "organizations that let places ask for codes",
                "organizations WHERE requests_from IS NOT NULL",
            ),
        ],
    ),
    (
        "m0020_looks_of_applications",
        &[
            (
                "applications with a colour of their own",
                "applications WHERE accent IS NOT NULL",
            ),
            ("logos of applications", "application_logos"),
        ],
    ),
    (
        "m0021_code_sign_in",
        &[(
            "organizations where a code signs in at once",
            "organizations WHERE code_sign_in <> 'never'",
        )],
    ),
    (
        "m0022_failures_of_messages",
        &[(
            "messages that say why they were not sent",
            "messages WHERE failure IS NOT NULL",
        )],
    ),
    ("m0023_leaner_indexes", &[]),
    ("m0024_former_indexes", &[]),
];

/// What the step holds.
fn held_by(step: &str) -> Result<&'static [Held], DbErr> {
    let found = HELD.iter().find(|(name, _)| *name == step);
    let found = found.map(|(_, held)| *held);
    found.ok_or_else(|| DbErr::Custom(format!("it is not known what {step} holds")))
}

/// The newest step that was taken, and what taking it back would lose.
pub(crate) async fn newest(connection: &impl ConnectionTrait) -> Result<Option<Newest>, DbErr> {
    let applied = Migrator::get_applied_migrations_read_only(connection).await?;
    let Some(newest) = applied.last() else {
        return Ok(None);
    };
    let step = newest.name().to_owned();
    let losses = losses(connection, &step).await?;
    Ok(Some(Newest { step, losses }))
}

/// Lets nobody else change what the step holds until the transaction ends. On SQLite nobody else writes anyhow.
pub(crate) async fn hold(transaction: &DatabaseTransaction, step: &str) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for (_, rows) in held_by(step)? {
        // The table comes first, whatever condition there is.
        let table = rows.split_whitespace().next().unwrap_or_default();
        let lock = format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}

/// What taking back that step would lose; nothing when it is empty.
///
/// # Errors
/// [`DbErr`] when the database fails, does not have that step, or nobody has said what the step holds.
pub async fn losses(connection: &impl ConnectionTrait, step: &str) -> Result<Vec<Loss>, DbErr> {
    let mut losses = Vec::new();
    for (what, rows) in held_by(step)? {
        let count = Statement::from_string(
            connection.get_database_backend(),
            format!("SELECT COUNT(*) AS held FROM {rows}"),
        );
        let counted = connection.query_one_raw(count).await?;
        let counted: i64 = match counted {
            Some(row) => row.try_get("", "held")?,
            None => 0,
        };
        let rows = u64::try_from(counted).unwrap_or_default();
        if rows > 0 {
            losses.push(Loss { what, rows });
        }
    }
    Ok(losses)
}

/// The names of all organizations, in alphabetical order.
///
/// # Errors
/// [`DbErr`] when the database fails, or has no organizations.
pub async fn organizations(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let names = Statement::from_string(
        connection.get_database_backend(),
        "SELECT name FROM organizations ORDER BY name".to_owned(),
    );
    let rows = connection.query_all_raw(names).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_agrees_to_more_than_was_told() {
        let newest = |step: &str, losses: &[(&'static str, u64)]| Newest {
            step: step.to_owned(),
            losses: losses
                .iter()
                .map(|(what, rows)| Loss { what, rows: *rows })
                .collect(),
        };
        let told = newest("m0004_messages", &[("messages that wait", 2)]);
        for (now, is_agreed) in [
            (newest("m0004_messages", &[]), true),
            (newest("m0004_messages", &[("messages that wait", 2)]), true),
            (
                newest("m0004_messages", &[("messages that wait", 3)]),
                false,
            ),
            (newest("m0004_messages", &[("users", 1)]), false),
            (newest("m0003_approval", &[]), false),
        ] {
            assert_eq!(now.loses_no_more_than(&told), is_agreed, "{now:?}");
        }
    }

    #[test]
    fn of_every_step_it_is_known_what_it_holds() {
        let steps: Vec<_> = Migrator::migrations()
            .iter()
            .map(|step| step.name().to_owned())
            .collect();
        let known: Vec<_> = HELD.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, steps);
    }
}
