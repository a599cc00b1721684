//! The kernel's command line: `key` and `key=value`, separated by blanks.

/// `/proc/cmdline`, read once.
pub(crate) struct Cmdline(String);

impl Cmdline {
    /// Reads it; an unreadable one is empty.
    pub(crate) fn read() -> Self {
        Self(std::fs::read_to_string("/proc/cmdline").unwrap_or_default())
    }

    /// The words in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// The value of `key`; where it was given more than once the last one counts, as for the kernel.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.words()
            .filter_map(|word| word.split_once('='))
            .filter(|&(name, value)| name == key && !value.is_empty())
            .last()
            .map(|(_, value)| value)
    }
}
