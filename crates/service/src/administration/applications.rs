//! What is done to applications.

use std::sync::Arc;

use latchkey_domain::{
    application::{
        Application, RelyingParty, look::Logo, native::NativeApplications, pages::Pages,
    },
    credential::Credential,
    id::{ApplicationId, OrganizationId},
    text::ApplicationName,
};

use super::{Administration, BY_OPERATOR};
use crate::{
    events::{Event, Facts},
    ports::{
        administration_store::{
            AddApplicationError, ApplicationUpdate, DeleteApplicationError, Effect, Loss, Notice,
            UpdateApplicationError, UpdatedApplication,
        },
        store::StoreError,
    },
};

impl Administration {
    /// Adds an application to an organization, with these pages and this logo.
    ///
    /// # Errors
    /// [`AddApplicationError`].
    pub async fn add_application(
        &self,
        organization: OrganizationId,
        name: ApplicationName,
        relying_party: RelyingParty,
        mut pages: Pages,
        logo: Option<Logo>,
    ) -> Result<Application, AddApplicationError> {
        pages.look.logo = logo.as_ref().map(Logo::tag);
        let application = Application {
            pages,
            ..self.application(organization, name, relying_party)
        };
        let added = match application.pages.fit(&application.relying_party) {
            Ok(()) => self.store.add_application(application.clone(), logo).await,
            Err(error) => Err(error.into()),
        };
        let mut facts = Facts::from(&application);
        if added.is_err() {
            // It has never been: nobody finds anything by its id.
            facts.application = None;
        }
        self.events
            .leave_outcome(Event::AddApplication, &facts, added)
            .await?;
        Ok(application)
    }

    /// Changes name, RP id, origins, pages or look of an application. Running services follow within seconds.
    ///
    /// # Errors
    /// [`UpdateApplicationError`].
    pub async fn update_application(
        &self,
        application: &ApplicationId,
        update: ApplicationUpdate,
    ) -> Result<UpdatedApplication, UpdateApplicationError> {
        let updated = self.store.update_application(application, update).await;
        let event = Event::UpdateApplication;
        match updated {
            // There is nothing to tell.
            Ok(updated) if !updated.is_changed => Ok(updated),
            updated => {
                let facts = self.of_application(application).await;
                self.events.leave_outcome(event, &facts, updated).await
            }
        }
    }

    /// Deletes an application, with the passkeys for it only when that is wanted, of which each owner is told;
    /// gives what went with it.
    ///
    /// # Errors
    /// [`DeleteApplicationError`].
    pub async fn delete_application(
        &self,
        application: &ApplicationId,
        with_passkeys: bool,
    ) -> Result<Loss, DeleteApplicationError> {
        self.know_names().await;
        let messages = Arc::clone(&self.ceremonies.messages);
        let notice: Notice = Arc::new(move |passkey: &Credential| {
            messages.credential_deleted_by(passkey, BY_OPERATOR)
        });
        let notice = with_passkeys.then_some(notice);
        let facts = self.of_application(application).await;
        let deleted = self.store.delete_application(application, notice).await;
        self.events
            .leave_outcome(Event::DeleteApplication, &facts, deleted)
            .await
    }

    /// Activates or deactivates an application.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<Effect, StoreError> {
        let set = self.store.set_application_active(application, active).await;
        let event = if active {
            Event::ActivateApplication
        } else {
            Event::DeactivateApplication
        };
        let facts = self.of_application(application).await;
        self.events.leave_effect(event, &facts, set).await
    }

    /// Sets which native applications use the RP id of an application, in place of earlier ones. Running services
    /// follow within seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<Effect, StoreError> {
        let set = self.store.set_native(application, native).await;
        let facts = self.of_application(application).await;
        self.events
            .leave_effect(Event::SetNativeApplications, &facts, set)
            .await
    }

    /// What an event about an application says of it, whose it is too; asked for while it is there. Where it cannot
    /// be read, the event says less.
    async fn of_application(&self, application: &ApplicationId) -> Facts {
        let listed = self.store.applications().await.unwrap_or_default();
        let mut listed = listed.into_iter().map(|entry| entry.application);
        let listed = listed.find(|listed| listed.id == *application);
        Facts {
            organization: listed.map(|listed| listed.organization),
            application: Some(application.clone()),
            ..Facts::default()
        }
    }
}
