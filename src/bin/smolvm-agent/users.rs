//! Users and groups, as `/etc/passwd` and `/etc/group` of the guest have them. No library looks
//! elsewhere for us: a program that is linked statically cannot ask others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Of a longer file only the begin is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// A user to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) group: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
    pub(crate) shell: String,
}

impl User {
    /// Root, as it is without any file.
    pub(crate) fn root() -> Self {
        Self {
            name: "root".to_owned(),
            number: 0,
            group: 0,
            groups: Vec::new(),
            home: "/root".to_owned(),
            shell: "/bin/sh".to_owned(),
        }
    }

    /// The user `asked`, a name or a number, below `root`. A number need not be in the file.
    pub(crate) fn find(root: &Path, asked: &str) -> Option<Self> {
        let read = |name: &str| read(&root.join(name)).unwrap_or_default();
        Self::named(&read("etc/passwd"), &read("etc/group"), asked)
    }

    /// The same with the text of the files.
    pub(crate) fn named(passwd: &str, group: &str, asked: &str) -> Option<Self> {
        let known = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, _, user, group) = (
                fields.next()?,
                fields.next()?,
                fields.next()?,
                fields.next()?,
            );
            let (_, home, shell) = (fields.next()?, fields.next()?, fields.next()?);
            (name == asked || user == asked).then_some(Self {
                name: name.to_owned(),
                number: user.parse().ok()?,
                group: group.parse().ok()?,
                groups: Vec::new(),
                home: home.to_owned(),
                shell: shell.to_owned(),
            })
        });
        let number = || {
            let number = asked.parse().ok()?;
            Some(Self {
                name: asked.to_owned(),
                number,
                group: number,
                home: "/".to_owned(),
                ..Self::root()
            })
        };
        let mut found = known.or_else(number)?;
        let member = |line: &str| {
            let mut fields = line.split(':').skip(2);
            let (group, members) = (fields.next()?.parse().ok()?, fields.next()?);
            members
                .split(',')
                .any(|name| name == found.name)
                .then_some(group)
        };
        found.groups = group.lines().filter_map(member).collect();
        found.groups.push(found.group);
        Some(found)
    }
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
