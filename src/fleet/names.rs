//! Friendly names for VMs that were given none.

use crate::fault::{Code, Failure};
use crate::vm::VmName;

use super::Fleet;

const ADJECTIVES: [&str; 48] = [
    "able", "amber", "apt", "bold", "brave", "brisk", "calm", "clear", "cosy", "crisp", "deft",
    "eager", "early", "fair", "fleet", "fond", "fresh", "gentle", "glad", "golden", "grand",
    "happy", "hardy", "keen", "kind", "light", "lively", "lucky", "mellow", "merry", "mild",
    "neat", "nimble", "noble", "plain", "proud", "quick", "quiet", "rapid", "sharp", "silent",
    "snug", "solid", "sunny", "swift", "tidy", "warm", "wise",
];

const NOUNS: [&str; 48] = [
    "alder", "badger", "beaver", "birch", "brook", "cedar", "cliff", "cloud", "comet", "coral",
    "crane", "dune", "egret", "elm", "falcon", "fern", "finch", "fjord", "gecko", "glade", "hare",
    "heron", "hill", "ibis", "island", "kestrel", "lake", "lark", "lemur", "lynx", "maple",
    "marten", "meadow", "moss", "newt", "otter", "owl", "pine", "plover", "puffin", "reef",
    "robin", "seal", "sparrow", "tern", "willow", "wren", "yew",
];

/// How often a name is drawn before we say that all are taken.
const DRAWS: usize = 2000;

impl Fleet {
    /// A friendly name that is free.
    pub fn free_name(&self) -> Result<VmName, Failure> {
        let taken = self.store.names()?;
        draw(|| (fastrand::usize(..), fastrand::usize(..)), &taken)
            .ok_or_else(|| Failure::new(Code::AlreadyExists, "could not find a name that is free"))
    }
}

fn draw(mut random: impl FnMut() -> (usize, usize), taken: &[VmName]) -> Option<VmName> {
    (0..DRAWS)
        .filter_map(|_| {
            let (adjective, noun) = random();
            let adjective = ADJECTIVES[adjective % ADJECTIVES.len()];
            let noun = NOUNS[noun % NOUNS.len()];
            format!("{adjective}-{noun}").parse().ok()
        })
        .find(|name| !taken.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_words_is_a_name_and_no_word_is_there_twice() {
        for (words, other) in [(ADJECTIVES, NOUNS), (NOUNS, ADJECTIVES)] {
            let unique: std::collections::BTreeSet<_> = words.iter().collect();
            assert_eq!(unique.len(), words.len());
            for word in words {
                assert!(format!("{word}-{}", other[0]).parse::<VmName>().is_ok());
            }
        }
    }

    #[test]
    fn a_taken_name_is_never_drawn() {
        let first: VmName = format!("{}-{}", ADJECTIVES[0], NOUNS[0]).parse().unwrap();
        let mut numbers = (0..).map(|n| (n, n));
        let name = draw(|| numbers.next().unwrap(), std::slice::from_ref(&first)).unwrap();
        assert_ne!(name, first);
        assert_eq!(draw(|| (0, 0), &[first]), None);
    }
}
