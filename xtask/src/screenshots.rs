//! `cargo xtask screenshots`: pictures of every page in every state, both widths and both themes.
//!
//! The tour of the end-to-end tests takes them, so there is no state that is tested and not seen.

use std::fs;

use crate::{
    Outcome, say,
    test::{END_TO_END, set_up_browser},
    workspace::{Workspace, run},
};

/// Where the pictures go, from the root folder.
const FOLDER: &str = "target/screenshots";

/// The test that goes through all pages.
const TOUR: &str = "pages::the_pages_do_what_they_say";

pub(crate) fn run_tour(workspace: &Workspace) -> Outcome {
    set_up_browser(workspace)?;
    let folder = workspace.path(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut tour = workspace.cargo(&["test", "--locked"]);
    tour.args(END_TO_END).arg(TOUR);
    run(tour.env("LATCHKEY_SCREENSHOTS", &folder))?;
    say(format!("the pictures are in {}", folder.display()))
}
