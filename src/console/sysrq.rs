//! What a Linux kernel does when a BREAK and a letter come over the line of its console (its
//! `admin-guide/sysrq.rst`). `/proc/sys/kernel/sysrq` may forbid some: that is the guest's to say.

/// One of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SysRq {
    /// The letter.
    pub letter: char,
    /// What the kernel does.
    pub does: &'static str,
    /// Whether something is lost by it.
    pub destroys: bool,
}

impl SysRq {
    /// Those that are worth to be known, harmless ones first.
    pub const ALL: [Self; 14] = [
        Self::tells('h', "list the keys"),
        Self::tells('w', "show tasks that are blocked"),
        Self::tells('t', "show all tasks"),
        Self::tells('l', "show what each CPU does"),
        Self::tells('m', "show memory"),
        Self::tells('p', "show registers"),
        Self::tells('s', "write what is cached to the disks"),
        Self::destroys('u', "make all file systems read-only"),
        Self::destroys('f', "kill what takes the most memory"),
        Self::destroys('e', "ask all processes to end"),
        Self::destroys('i', "kill all processes"),
        Self::destroys('o', "power off at once"),
        Self::destroys('b', "reboot at once"),
        Self::destroys('c', "panic"),
    ];

    const fn tells(letter: char, does: &'static str) -> Self {
        Self {
            letter,
            does,
            destroys: false,
        }
    }

    const fn destroys(letter: char, does: &'static str) -> Self {
        Self {
            letter,
            does,
            destroys: true,
        }
    }

    /// The key with that letter.
    pub fn of(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.letter == letter)
    }
}
