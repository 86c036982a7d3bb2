//! Folders and files for their owner alone: what the service makes is nobody else's, and everything it makes
//! is made here.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

#[cfg(target_os = "linux")]
use rustix::{
    fs::{CWD, RenameFlags},
    io::Errno,
};

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};

/// Makes a folder, and those above it, where they are missing.
///
/// # Errors
/// When the system does not let it be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder)
}

/// Makes a file, to be written.
///
/// # Errors
/// When there is one of that name, or the system does not let it be made.
pub fn make_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)
}

/// Gives a file that is whole its name, unless somebody has made one of that name.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or that the system does not let it be named; the draft is still there then.
pub fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    // A link takes no other file's place either, but there are file systems without links (exFAT, SMB), and some
    // without this (NFS); and what a sandbox does not let be done says so in many ways.
    #[cfg(target_os = "linux")]
    match rename_unless_taken(draft, path) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(Errno::EXIST.into()),
        Err(_cannot) => {}
    }
    fs::hard_link(draft, path)?;
    fs::remove_file(draft)
}

#[cfg(target_os = "linux")]
fn rename_unless_taken(from: &Path, to: &Path) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

/// What is there; nothing when there is nothing of that name.
///
/// # Errors
/// When it cannot be looked at: then it may be there all the same.
pub fn look(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether what is there can be read or changed by others than its owner; `false` when nothing is there, or
/// it cannot be looked at: then it cannot be used either, and whoever does says so.
pub fn is_open(path: &Path) -> bool {
    #[cfg(unix)]
    let may_others = |found: fs::Metadata| found.permissions().mode() & 0o077 != 0;
    #[cfg(not(unix))]
    let may_others = |_found: fs::Metadata| false;
    fs::metadata(path).is_ok_and(may_others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("a"), folder.path().join("a/b"));
        make_folder(&inner).unwrap();
        make_folder(&inner).unwrap();
        let file = inner.join("file");
        make_file(&file).unwrap();
        let again = make_file(&file).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (mode(&outer), mode(&inner), mode(&file)),
            (0o700, 0o700, 0o600)
        );
    }

    #[test]
    fn a_name_is_given_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, is_first) in [("first", true), ("second", false)] {
            let draft = folder.path().join("draft");
            fs::write(&draft, text).unwrap();
            let published = publish(&draft, &path).map_err(|error| error.kind());
            let expected = if is_first {
                Ok(())
            } else {
                Err(io::ErrorKind::AlreadyExists)
            };
            assert_eq!(published, expected);
            assert_eq!(draft.exists(), !is_first);
            assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        }
    }

    /// Below a file there is nothing to be looked at.
    #[test]
    fn what_is_not_there_differs_from_what_cannot_be_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(look(&file).unwrap().is_none());
        make_file(&file).unwrap();
        assert!(look(&file).unwrap().is_some());
        assert!(look(&file.join("deeper")).is_err());
        assert!(!is_open(&file.join("deeper")));
    }

    #[test]
    fn what_others_may_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(!is_open(&file));
        make_file(&file).unwrap();
        for (mode, expected) in [(0o600, false), (0o640, true), (0o602, true), (0o400, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open(&file), expected, "{mode:o}");
        }
    }
}
