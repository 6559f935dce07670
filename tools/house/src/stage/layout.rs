//! The places of a layout.

use std::path::{Path, PathBuf};

/// The folder that is laid out, and where in it things go.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The folder in which its contents will be in the end.
    pub(crate) prefix: PathBuf,
    /// The folder of libraries, in both.
    pub(crate) libdir: PathBuf,
    /// The folder of the Python module's folder, where it is wanted.
    pub(crate) python: Option<PathBuf>,
}

impl Layout {
    /// The folder laid out to be used where it is.
    pub(crate) fn of(folder: &Path) -> Result<Self, String> {
        let prefix = std::path::absolute(folder).map_err(|error| error.to_string())?;
        Ok(Self { folder: folder.into(), prefix, libdir: "lib".into(), python: None })
    }

    /// Reads a command line: one folder, and options with their values.
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut layout = None;
        let mut options = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg.starts_with("--") {
                let value = rest.next().ok_or_else(|| format!("{arg} needs a value"))?;
                options.push((arg.as_str(), PathBuf::from(value)));
            } else if layout.replace(Self::of(Path::new(arg))?).is_some() {
                return Err(format!("one folder is laid out at a time; {arg} is the second"));
            }
        }
        let mut layout = layout.ok_or("name a folder, or --headers")?;
        for (option, value) in options {
            match option {
                "--prefix" => layout.prefix = value,
                "--libdir" => layout.libdir = value,
                "--python" => layout.python = Some(value),
                _ => return Err(format!("{option}: known are --prefix, --libdir and --python")),
            }
        }
        Ok(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Layout, String> {
        let args: Vec<String> = line.split_whitespace().map(Into::into).collect();
        Layout::parse(&args)
    }

    #[test]
    fn options_may_stand_anywhere() {
        let layout = parse("--prefix /usr /stage --libdir lib64").unwrap();
        assert_eq!(layout.folder, Path::new("/stage"));
        assert_eq!((layout.prefix, layout.libdir), ("/usr".into(), "lib64".into()));
        assert_eq!(parse("/stage").unwrap(), Layout::of(Path::new("/stage")).unwrap());
    }

    #[test]
    fn other_lines_are_errors() {
        for (line, part) in [
            ("", "name a folder"),
            ("a b", "b is the second"),
            ("a --prefix", "--prefix needs a value"),
            ("a --root b", "--root: known are"),
        ] {
            assert!(parse(line).unwrap_err().contains(part), "{line}");
        }
    }
}
