//! Standard output: everything that is written to it goes through here.
//!
//! Who reads it may go early (`latchkey user list … | head -1`). That is no failure: nothing more is written, and how
//! the command ends is about what it did. Only a backup fails by it, since it is not whole then.

use std::io::{self, ErrorKind, IsTerminal as _, StdoutLock, Write};

use terminal_size::{Width, terminal_size_of};

use super::Failure;

/// Whether a person reads it, at a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// How many characters that terminal has in a line, where it tells.
pub(super) fn columns() -> Option<u16> {
    terminal_size_of(io::stdout()).map(|(Width(columns), _height)| columns)
}

/// Writes all of it.
pub(super) fn print(text: &[u8]) -> Result<(), Failure> {
    print_to(stream(), text)
        .map_err(|error| format!("standard output cannot be written: {error}").into())
}

fn print_to(mut output: impl Write, text: &[u8]) -> io::Result<()> {
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// For what is written bit by bit, and is worth nothing unless it is whole.
pub(super) fn stream() -> StdoutLock<'static> {
    io::stdout().lock()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Takes a few bytes, and then no more.
    struct Reader {
        takes: usize,
        then: ErrorKind,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.takes);
            self.takes -= taken;
            if taken == 0 {
                Err(self.then.into())
            } else {
                Ok(taken)
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_goes_early_is_no_failure_and_a_full_disk_is_one() {
        let print = |takes, then| print_to(Reader { takes, then }, b"a line\n");
        for takes in [0, 3] {
            assert!(print(takes, ErrorKind::BrokenPipe).is_ok(), "{takes}");
            let error = print(takes, ErrorKind::StorageFull).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{takes}");
        }
        assert!(print(7, ErrorKind::StorageFull).is_ok());
    }

    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn nothing_else_writes_to_it() {
        let mut sources = vec![];
        files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut sources,
        );
        assert!(sources.len() > 20, "{sources:?}");
        for source in sources {
            let is_here = source.ends_with("cli/output.rs");
            let text = fs::read_to_string(&source).unwrap();
            let writes = text.contains("stdout()");
            assert_eq!(writes, is_here, "{}", source.display());
        }
    }
}
