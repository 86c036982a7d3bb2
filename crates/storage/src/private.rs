//! Folders and files for their owner alone: what the service makes is nobody else's, and everything it makes
//! is made here.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

#[cfg(target_os = "linux")]
use rustix::fs::{CWD, RenameFlags};

#[cfg(unix)]
use rustix::{
    fs::{Access, access},
    io::Errno,
    process::{Gid, getegid, geteuid, getgroups},
};
#[cfg(unix)]
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};

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

/// What this process may not write to: the file, or the folder where others are made beside it. Where neither is there
/// yet, it is the nearest folder above them, in which they would be made.
pub fn unwritable(file: &Path) -> Option<&Path> {
    #[cfg(unix)]
    {
        let answer = |path: &Path| access(path, Access::WRITE_OK);
        let is_there = |path: &&Path| answer(path) != Err(Errno::NOENT);
        let folder = file.ancestors().skip(1).find(is_there);
        let mut places = Some(file).filter(is_there).into_iter().chain(folder);
        places.find(|path| answer(path).is_err())
    }
    #[cfg(not(unix))]
    None
}

/// To whom something is open that should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    /// It is this user's, and open to others.
    BeyondOwner,
    /// It is laid down for the group that this process is in, and open to others than that.
    BeyondGroup,
    /// It is another user's, and open to this process only because it is open to everybody.
    Strange,
}

/// To whom what is there is open beyond whom it is for; nothing when nothing is there, or it cannot be looked at: then
/// it cannot be used either, and whoever does says so.
pub fn openness(path: &Path) -> Option<Openness> {
    #[cfg(unix)]
    return judge(Ownership::of(&fs::metadata(path).ok()?), &Who::of_process());
    #[cfg(not(unix))]
    None
}

/// Whose a file is, and what others may.
#[cfg(unix)]
#[derive(Clone, Copy)]
struct Ownership {
    mode: u32,
    user: u32,
    group: u32,
}

#[cfg(unix)]
impl Ownership {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            mode: found.permissions().mode(),
            user: found.uid(),
            group: found.gid(),
        }
    }
}

/// Who looks at a file.
#[cfg(unix)]
struct Who {
    user: u32,
    groups: Vec<u32>,
}

#[cfg(unix)]
impl Who {
    fn of_process() -> Self {
        let further = getgroups().unwrap_or_default();
        let groups = further.into_iter().chain([getegid()]);
        Self {
            user: geteuid().as_raw(),
            groups: groups.map(Gid::as_raw).collect(),
        }
    }
}

/// Root may read everything, and what it lays down for a group is for whoever runs the service.
#[cfg(unix)]
fn judge(found: Ownership, who: &Who) -> Option<Openness> {
    let Ownership { mode, user, group } = found;
    let is_for_group = if who.user == 0 {
        user == 0 && group != 0
    } else {
        user != who.user && who.groups.contains(&group)
    };
    let (others, openness) = if is_for_group {
        (0o007, Openness::BeyondGroup)
    } else if user == who.user || who.user == 0 {
        (0o077, Openness::BeyondOwner)
    } else {
        (0o077, Openness::Strange)
    };
    (mode & others != 0).then_some(openness)
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
        assert_eq!(openness(&file.join("deeper")), None);
    }

    /// Whoever may write everywhere makes nothing below a file either.
    #[test]
    fn what_cannot_be_written_is_named_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let below = folder.path().join("folder/deeper/file");
        assert_eq!(unwritable(&file), None);
        assert_eq!(unwritable(&below), None);
        make_file(&file).unwrap();
        assert_eq!(unwritable(&file), None);
        let occupied = file.join("deeper");
        assert_eq!(unwritable(&occupied), Some(occupied.as_path()));
        assert!(!folder.path().join("folder").exists());
    }

    #[test]
    fn what_others_may_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert_eq!(openness(&file), None);
        make_file(&file).unwrap();
        for (mode, is_open) in [(0o600, false), (0o604, true), (0o602, true), (0o400, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(openness(&file).is_some(), is_open, "{mode:o}");
        }
    }

    /// Whoever closed what is root's to its group would keep the service out.
    #[test]
    fn what_is_laid_down_for_the_group_of_the_service_is_not_open_to_it() {
        let service = Who {
            user: 7,
            groups: vec![70, 71],
        };
        let root = Who {
            user: 0,
            groups: vec![0],
        };
        let owner = Some(Openness::BeyondOwner);
        let group = Some(Openness::BeyondGroup);
        let strange = Some(Openness::Strange);
        for (user, gid, mode, to_service, to_root) in [
            (7, 70, 0o600, None, None),
            (7, 70, 0o640, owner, owner),
            (0, 70, 0o640, None, None),
            (0, 71, 0o640, None, None),
            (0, 71, 0o644, group, group),
            (0, 0, 0o640, strange, owner),
            (8, 80, 0o604, strange, owner),
        ] {
            let found = Ownership {
                mode: 0o100_000 | mode,
                user,
                group: gid,
            };
            assert_eq!(judge(found, &service), to_service, "{user}:{gid} {mode:o}");
            assert_eq!(judge(found, &root), to_root, "{user}:{gid} {mode:o}");
        }
    }
}
