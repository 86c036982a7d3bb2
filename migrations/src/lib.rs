#![doc = include_str!("../README.md")]

mod columns;
mod indexes;
mod lock;
mod loss;
mod m0001_foundation;
mod m0002_administrators;
mod m0003_approval;
mod m0004_messages;
mod m0005_waiting;
mod m0006_native_applications;
mod m0007_account_codes;
mod m0008_registration_codes;
mod m0009_code_epochs;
mod m0010_username_keys;
mod m0011_index_of_administrators;
mod m0012_index_of_passkeys;
mod m0013_events;
mod m0014_transports;
mod m0015_pages_of_applications;
mod m0016_released_codes;
mod m0017_bound_codes;
mod m0018_freshness;
mod m0019_code_requests;
mod m0020_looks_of_applications;
mod m0021_code_sign_in;
mod m0022_failures_of_messages;
mod m0023_leaner_indexes;
mod m0024_former_indexes;
mod permit;
mod shape;

pub use self::loss::{Loss, Newest, losses, organizations};

use sea_orm_migration::{
    Migration, MigrationTrait, MigratorTrait,
    sea_orm::{DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait as _},
    seaql_migrations,
};

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_foundation::Foundation),
            Box::new(m0002_administrators::Administrators),
            Box::new(m0003_approval::STEP),
            Box::new(m0004_messages::Messages),
            Box::new(m0005_waiting::Waiting),
            Box::new(m0006_native_applications::NativeApplications),
            Box::new(m0007_account_codes::AccountCodes),
            Box::new(m0008_registration_codes::RegistrationCodes),
            Box::new(m0009_code_epochs::CodeEpochs),
            Box::new(m0010_username_keys::UsernameKeys),
            Box::new(m0011_index_of_administrators::STEP),
            Box::new(m0012_index_of_passkeys::STEP),
            Box::new(m0013_events::Events),
            Box::new(m0014_transports::STEP),
            Box::new(m0015_pages_of_applications::STEP),
            Box::new(m0016_released_codes::STEP),
            Box::new(m0017_bound_codes::STEP),
            Box::new(m0018_freshness::STEP),
            Box::new(m0019_code_requests::CodeRequests),
            Box::new(m0020_looks_of_applications::LooksOfApplications),
            Box::new(m0021_code_sign_in::STEP),
            Box::new(m0022_failures_of_messages::STEP),
            Box::new(m0023_leaner_indexes::STEP),
            Box::new(m0024_former_indexes::STEP),
        ]
    }
}

/// One step and whether the database has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Whether it was applied.
    pub is_applied: bool,
}

/// Brings the database to the newest schema. When it is there already, this costs two short reads and
/// takes no lock. On PostgreSQL, where others may be at work meanwhile, each step is a transaction: so it holds no
/// table while it waits for another one, and nobody waits behind it for longer than a moment.
///
/// # Errors
/// [`DbErr`] when the database fails, or when it has a step that this program does not know because
/// a newer one was there. The step that failed has changed nothing.
pub async fn up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    bring_up(connection).await.map_err(permit::advised)
}

async fn bring_up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(connection).await?;
    if pending.is_empty() {
        return Ok(());
    }
    if connection.get_database_backend() == DbBackend::Postgres {
        for step in &pending {
            // It may be another process that takes it.
            lock::step_beside_others(connection, step.name()).await?;
        }
    } else {
        let transaction = lock::begin(connection).await?;
        match Migrator::up(&transaction, None).await {
            Ok(()) => transaction.commit().await?,
            Err(error) => return Err(lock::give_up(transaction, error).await),
        }
    }
    let steps: Vec<_> = pending.iter().map(Migration::name).collect();
    tracing::info!(steps = steps.join(", "), "the schema is up to date");
    Ok(())
}

/// Takes back every step: all data is gone.
///
/// # Errors
/// [`DbErr`] when the database fails; nothing is changed then.
pub async fn down(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = lock::begin(connection).await?;
    match Migrator::down(&transaction, None).await {
        Ok(()) => transaction.commit().await,
        Err(error) => Err(lock::give_up(transaction, error).await),
    }
}

/// The newest step that was taken, and what taking it back would lose; nothing where no step was taken. Reads only,
/// and what it tells may be otherwise the next moment.
///
/// # Errors
/// [`DbErr`] when the database fails, or has a step that this program does not know.
pub async fn newest(connection: &DatabaseConnection) -> Result<Option<Newest>, DbErr> {
    loss::newest(connection).await
}

/// Takes back the newest step that was taken, if it is the one that was `told` and no more is lost by it than was:
/// that is judged again when nobody else can migrate the database any more, or change what the step holds. Otherwise
/// it gives what would be lost now, and nothing is changed.
///
/// # Errors
/// [`DbErr`] when the database fails, or no step was taken; nothing is changed then.
pub async fn step_down(
    connection: &DatabaseConnection,
    told: &Newest,
) -> Result<Option<Newest>, DbErr> {
    let transaction = lock::begin(connection).await?;
    match take_back(&transaction, told).await {
        Ok(None) => transaction.commit().await.map(|()| None),
        Ok(more) => {
            transaction.rollback().await?;
            Ok(more)
        }
        Err(error) => Err(lock::give_up(transaction, error).await),
    }
}

async fn take_back(
    transaction: &DatabaseTransaction,
    told: &Newest,
) -> Result<Option<Newest>, DbErr> {
    let newest = async || {
        let newest = loss::newest(transaction).await?;
        newest.ok_or_else(|| DbErr::Custom("no step was taken".to_owned()))
    };
    let mut now = newest().await?;
    if now.step == told.step {
        loss::hold(transaction, &now.step).await?;
        now = newest().await?;
    }
    if now.loses_no_more_than(told) {
        Migrator::down(transaction, Some(1)).await?;
        Ok(None)
    } else {
        Ok(Some(now))
    }
}

/// Begins a transaction in which nobody else migrates. Who begins it ends it.
///
/// # Errors
/// [`DbErr`] when the database fails.
pub async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    lock::begin(connection).await
}

/// Brings an empty database to just that many of the oldest steps, in a transaction of [`begin`]: what it has is
/// deleted.
///
/// # Errors
/// [`DbErr`] when the database fails, or has a step that this program does not know.
pub async fn begin_anew(transaction: &DatabaseTransaction, steps: usize) -> Result<(), DbErr> {
    let applied = Migrator::get_applied_migrations(transaction).await;
    let applied = applied.map_err(permit::advised)?.len();
    if applied != steps {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        Migrator::down(transaction, None).await?;
        let up = Migrator::up(transaction, Some(steps)).await;
        up.map_err(permit::advised)?;
    }
    Ok(())
}

/// Takes the steps that are still to be taken, in a transaction of [`begin`].
///
/// # Errors
/// [`DbErr`] when the database fails.
pub async fn up_in(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    Migrator::up(transaction, None).await
}

/// The names of all steps that this program knows, oldest first.
pub fn names() -> Vec<String> {
    let steps = Migrator::migrations();
    steps.iter().map(|step| step.name().to_owned()).collect()
}

/// A step that the database has taken and this program does not know, because a newer one was there. Reads only.
///
/// # Errors
/// [`DbErr`] when the database fails.
pub async fn unknown_step(connection: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    // It fails over such a step too, in words about the files of a program.
    let Err(error) = Migrator::get_pending_migrations_read_only(connection).await else {
        return Ok(None);
    };
    let known = names();
    let taken = seaql_migrations::Entity::find().all(connection).await?;
    let mut versions = taken.into_iter().map(|step| step.version);
    match versions.find(|version| !known.contains(version)) {
        Some(unknown) => Ok(Some(unknown)),
        None => Err(error),
    }
}

/// Every step, oldest first, and whether it was applied. Reads only.
///
/// # Errors
/// [`DbErr`] when the database fails, or has a step that this program does not know.
pub async fn status(connection: &DatabaseConnection) -> Result<Vec<Step>, DbErr> {
    let pending: Vec<String> = Migrator::get_pending_migrations_read_only(connection)
        .await?
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    Ok(Migrator::migrations()
        .iter()
        .map(|migration| Step {
            name: migration.name().to_owned(),
            is_applied: !pending.iter().any(|name| name == migration.name()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever upgrades looks there for what a step means for the processes that are running.
    #[test]
    fn the_page_on_upgrading_tells_of_every_step_in_order() {
        let page = include_str!("../../docs/upgrading.md");
        let told: Vec<_> = page
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `m")?.split_once('`')?.0))
            .map(|name| format!("m{name}"))
            .collect();
        let steps = Migrator::migrations();
        let steps: Vec<_> = steps.iter().map(|step| step.name()).collect();
        assert_eq!(told, steps);
    }
}
