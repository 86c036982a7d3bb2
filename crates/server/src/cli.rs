//! The command line.
//!
//! The log and errors go to standard error, answers to standard output: for programs one line of JSON for each
//! thing, for people at a terminal a table (`answer`). Two commands write for people everywhere: `serve` says what
//! to do next after it made a demonstration, and `config check` what weakens the installation.
//!
//! The exit status is 0 when all went well, 1 when the command failed or found what it was asked to look for, and 2
//! when the command line is wrong. That nobody reads the answer to its end is no failure (`output`).

use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::Resettable};
use clap_complete::Shell;

use self::{
    answer::answer,
    application::ApplicationCommand,
    backup::{Backup, Goal, Restore},
    bootstrap::Bootstrap,
    code::CodeCommand,
    config::ConfigCommand,
    credential::CredentialCommand,
    doctor::Doctor,
    health::Health,
    migrate::MigrateCommand,
    organization::OrganizationCommand,
    outbox::OutboxCommand,
    secrets::SecretsCommand,
    session::SessionCommand,
    user::UserCommand,
};
use crate::{
    causes::chain,
    config::{Files, Settings, Sources},
    reload::Reload,
    telemetry,
    wiring::Adapters,
};

mod administer;
mod answer;
mod application;
mod backup;
mod bootstrap;
mod code;
mod config;
mod credential;
mod date;
mod doctor;
mod health;
mod migrate;
mod organization;
mod outbox;
mod output;
#[cfg(test)]
mod packaging;
mod secrets;
mod serve;
mod session;
mod user;

/// The version, and the commit that it was built from where that is known; see `build.rs`.
const VERSION: &str = env!("VERSION_OF_BUILD");

/// The variable that names the configuration.
const CONFIG_VARIABLE: &str = "LATCHKEY_CONFIG";

/// A self-hosted credential service.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version = VERSION)]
struct Arguments {
    /// Configuration in TOML; environment variables LATCHKEY__SECTION__KEY override it.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE, global = true)]
    config: Option<PathBuf>,
    /// Answer with one line of JSON for each thing, at a terminal too.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Arguments {
    /// Those that the process was started with. An empty variable counts as absent, as those of settings do; an
    /// empty `--config` is an error.
    fn of_process() -> Self {
        let mut command = Self::command();
        if std::env::var_os(CONFIG_VARIABLE).is_some_and(|file| file.is_empty()) {
            command = command.mut_arg("config", |config| config.env(Resettable::Reset));
        }
        let matches = command.get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate, then serve until SIGTERM or SIGINT; this is the default.
    Serve,
    /// Ask the running service whether it is ready; the exit status is 0 if it is.
    Health(Health),
    /// Check the configuration, or show it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look through the whole installation: what is wrong or weak, and what to do.
    Doctor(Doctor),
    /// Change or show the schema of the database.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Make an organization with its first application and administrator.
    Bootstrap(Bootstrap),
    /// Manage organizations.
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Manage users.
    #[command(subcommand)]
    User(UserCommand),
    /// Manage applications.
    #[command(subcommand)]
    Application(ApplicationCommand),
    /// Manage the credentials of users.
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Manage the sessions of users.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Manage the codes of users.
    #[command(subcommand)]
    Code(CodeCommand),
    /// Read and manage the messages that wait to be sent.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Show and change the secrets.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Write the whole database to a file, while the service goes on. The secrets are not in it.
    #[command(visible_alias = "export")]
    Backup(Backup),
    /// Go back to a backup: fill an empty database, SQLite or PostgreSQL, with a backup of either, and check what is
    /// there then. Every session and every code ends.
    Restore(Restore),
    /// Move to another database: the same with a backup that was just made, after which nothing was changed. Sessions
    /// and codes go on.
    Import(Restore),
    #[command(flatten)]
    Generated(Generated),
}

/// What is generated from the program itself, and of no installation.
#[derive(Debug, Subcommand)]
enum Generated {
    /// Print the completions of the command line for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder.
    Man {
        /// The folder; it is made if it is not there.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Print a document that is generated from the code.
    #[command(hide = true, subcommand)]
    Document(Document),
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Document {
    /// The API description, `docs/openapi.json`.
    Openapi,
    /// Every error code, `docs/errors.md`.
    Errors,
}

/// Why a command fails; what it says is for whoever typed the command.
type Failure = Box<dyn Error + Send + Sync>;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    run_with(Adapters::open)
}

/// Runs the command that the process was started with, on adapters of one's own: a `main` that calls
/// this is the whole program, with its configuration, log, commands and orderly end. The adapters are made
/// once, when the command needs any. `migrate`, `backup`, `restore`, `import` and `secrets` do not: they are about the
/// configured database and the configured secrets.
pub fn run_with<E: Into<Failure>>(
    adapters: impl AsyncFnOnce(&Settings) -> Result<Adapters, E>,
) -> ExitCode {
    let mut log = None;
    match execute(Arguments::of_process(), adapters, &mut log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let said = format!("latchkey: {}", chain(failure.as_ref()));
            match log {
                // Where nobody reads standard error, it waits for that with whoever else writes there.
                Some(log) => log.say(&said),
                // Nothing is left to tell it to when standard error is closed.
                None => drop(writeln!(io::stderr(), "{said}")),
            }
            ExitCode::FAILURE
        }
    }
}

fn execute<E: Into<Failure>>(
    arguments: Arguments,
    adapters: impl AsyncFnOnce(&Settings) -> Result<Adapters, E>,
    log: &mut Option<telemetry::Running>,
) -> Result<(), Failure> {
    answer::settle(arguments.json);
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Generated(generated) = command {
        return generated.write();
    }
    let file = arguments.config.as_deref();
    if let Command::Health(health) = &command {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(health::perform(health, file));
    }
    // They are read once: a pipe has no more to say to who asks again.
    let (mut settings, sources) = Settings::of_process_with_sources(file, Files::Any)?;
    settings.must_exist = !command.may_begin();
    let log = log.insert(telemetry::start(&settings.log)?);
    let adapters = Box::pin(async { adapters(&settings).await.map_err(Into::<Failure>::into) });
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(Box::pin(perform(
            command,
            (&settings, &sources),
            log,
            file,
            adapters,
        )))
}

/// Performs a command; the adapters are made when they are waited for.
async fn perform(
    command: Command,
    (settings, sources): (&Settings, &Sources),
    log: &telemetry::Running,
    file: Option<&Path>,
    adapters: impl Future<Output = Result<Adapters, Failure>>,
) -> Result<(), Failure> {
    match command {
        Command::Serve => {
            let file = file.map(Path::to_path_buf);
            let read = move || Settings::of_process_again(file.as_deref());
            let reload = Reload::new(settings, read).with_level(log.level());
            serve::serve(settings, reload, adapters).await
        }
        Command::Health(request) => health::perform(&request, file).await,
        Command::Config(command) => config::perform(command, settings, sources),
        Command::Doctor(command) => doctor::perform(&command, settings, sources).await,
        Command::Migrate(command) => migrate::migrate(&command, settings).await,
        Command::Bootstrap(request) => administer::perform(request, adapters.await?).await,
        Command::Organization(command) => administer::perform(command, adapters.await?).await,
        Command::User(command) => administer::perform(command, adapters.await?).await,
        Command::Application(command) => administer::perform(command, adapters.await?).await,
        Command::Credential(command) => administer::perform(command, adapters.await?).await,
        Command::Session(command) => administer::perform(command, adapters.await?).await,
        Command::Code(command) => administer::perform(command, adapters.await?).await,
        Command::Outbox(command) => outbox::perform(command, adapters.await?).await,
        Command::Secrets(command) => secrets::perform(command, settings),
        Command::Backup(request) => backup::backup(&request, settings).await,
        Command::Restore(request) => backup::restore(&request, settings, Goal::Return).await,
        Command::Import(request) => backup::restore(&request, settings, Goal::Move).await,
        Command::Generated(generated) => generated.write(),
    }
}

impl Command {
    /// Whether it may begin an installation where there is none, or says what would come of that; no other command
    /// makes anything then, or brings the schema of one up to date.
    const fn may_begin(&self) -> bool {
        matches!(self, Self::Serve | Self::Bootstrap(_) | Self::Doctor(_))
    }
}

impl Generated {
    fn write(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        match self {
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut Arguments::command(), "latchkey", &mut text);
            }
            Self::Man { folder } => {
                // One page for each command.
                std::fs::create_dir_all(&folder)
                    .and_then(|()| clap_mangen::generate_to(Arguments::command(), &folder))
                    .map_err(|error| format!("{}: {error}", folder.display()))?;
            }
            Self::Document(Document::Openapi) => {
                text = latchkey_http::openapi_document().into_bytes();
            }
            Self::Document(Document::Errors) => {
                text = latchkey_http::error_reference().into_bytes();
            }
        }
        output::print(&text)
    }
}

#[cfg(test)]
mod tests;
