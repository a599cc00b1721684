//! The create form: fields as they are typed, and the draft that they make.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::fleet::{Draft, Objection, Outlook, Trait};
use crate::vm::{DiskMode, NetworkMode, PortForward};

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The VM's name.
    Name,
    /// The image.
    Image,
    /// The backend.
    Backend,
    /// vCPUs.
    Cpus,
    /// Memory in MiB.
    Memory,
    /// How it reaches the network.
    Network,
    /// Published ports.
    Publish,
    /// What happens to the root file system.
    DiskMode,
}

impl Field {
    /// All fields, from the top.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Image,
        Self::Backend,
        Self::Cpus,
        Self::Memory,
        Self::Network,
        Self::Publish,
        Self::DiskMode,
    ];

    /// The label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Image => "Image",
            Self::Backend => "Backend",
            Self::Cpus => "vCPUs",
            Self::Memory => "Memory, MiB",
            Self::Network => "Network",
            Self::Publish => "Ports",
            Self::DiskMode => "Disk",
        }
    }

    /// One clause that says what it takes.
    pub fn help(self) -> &'static str {
        match self {
            Self::Name => "empty: a friendly free name",
            Self::Image => "left and right go through the images at hand",
            Self::Backend => "auto: the platform's own where it runs",
            Self::Cpus => "1 and up; left and right count",
            Self::Memory => "left and right halve and double",
            Self::Network => "auto: the best that this host permits without privileges",
            Self::Publish => "HOST:GUEST, several apart by spaces, on 127.0.0.1",
            Self::DiskMode => "isolated: the VM writes to a layer of its own",
        }
    }

    /// The words of a field that takes one of a few.
    pub fn choices(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Backend => Some(vec!["auto", "firecracker", "qemu"]),
            Self::Network => Some(NetworkMode::ALL.iter().map(|mode| mode.word()).collect()),
            Self::DiskMode => Some(DiskMode::ALL.iter().map(|mode| mode.word()).collect()),
            _ => None,
        }
    }

    /// The field that an objection is about.
    fn of(objection: &Objection) -> Option<Self> {
        match objection.field {
            "name" => Some(Self::Name),
            "image" | "kernel" => Some(Self::Image),
            "backend" | "accel" => Some(Self::Backend),
            "cpus" | "vcpu_count" => Some(Self::Cpus),
            "memory" | "mem_size_mib" => Some(Self::Memory),
            "network" => Some(Self::Network),
            "publish" | "ports" => Some(Self::Publish),
            "disk_mode" | "disk" => Some(Self::DiskMode),
            _ => None,
        }
    }
}

/// The form as it stands.
#[derive(Clone, Debug)]
pub struct Form {
    /// The field that is typed into.
    pub focus: Field,
    values: BTreeMap<Field, String>,
    /// Counts changes, so that an answer to an older state is known as such.
    pub generation: u64,
    /// What the last check objected to; `None` as long as it is under way.
    pub objections: Option<Vec<Objection>>,
    /// What the VM would be like, as of the last check.
    pub outlook: Option<Box<Outlook>>,
    /// What it would have been like with the backend before.
    before: Option<Box<Outlook>>,
    /// The backend that is asked for elsewhere: as long as it stands, the form asks for none.
    asked: String,
    /// A name that would be taken for an empty one.
    pub free_name: Option<String>,
    /// Images at hand.
    pub images: Vec<String>,
    /// The VM is being made.
    pub is_submitted: bool,
    /// Why it could not be made.
    pub failure: Option<String>,
}

impl Form {
    /// A form with the configuration's defaults; `asked` is the backend that command line,
    /// environment and configuration come to, in the user's word.
    pub fn new(config: &Config, asked: &str) -> Self {
        let values = BTreeMap::from([
            (Field::Name, String::new()),
            (Field::Image, config.image.clone()),
            (Field::Backend, asked.to_owned()),
            (Field::Cpus, config.vcpu_count.to_string()),
            (Field::Memory, config.mem_size_mib.to_string()),
            (Field::Network, config.network.to_string()),
            (Field::Publish, String::new()),
            (Field::DiskMode, config.disk_mode.to_string()),
        ]);
        Self {
            focus: Field::Name,
            values,
            generation: 0,
            objections: None,
            outlook: None,
            before: None,
            asked: asked.to_owned(),
            free_name: None,
            images: Vec::new(),
            is_submitted: false,
            failure: None,
        }
    }

    /// What stands in a field.
    pub fn value(&self, field: Field) -> &str {
        self.values.get(&field).map_or("", String::as_str)
    }

    fn set(&mut self, field: Field, value: String) {
        self.values.insert(field, value);
        self.generation += 1;
        self.failure = None;
    }

    /// Takes in what a check found.
    pub fn take_in(&mut self, objections: Vec<Objection>, outlook: Option<Box<Outlook>>) {
        self.objections = Some(objections);
        let is_other = |old: &Outlook| {
            outlook
                .as_ref()
                .is_some_and(|new| new.backend != old.backend)
        };
        let old = self.outlook.take();
        if old.as_deref().is_some_and(is_other) {
            self.before = old;
        }
        self.outlook = outlook;
    }

    /// Whether this was different with the backend before.
    pub fn is_changed(&self, now: &Trait) -> bool {
        let before = self.before.iter().flat_map(|before| &before.traits);
        before
            .filter(|was| was.about == now.about)
            .any(|was| was.text != now.text)
    }

    /// Types a character into the field in focus. Fields of few words take none.
    pub fn type_character(&mut self, character: char) {
        const LONGEST: usize = 128;
        let takes = match self.focus {
            Field::Cpus | Field::Memory => character.is_ascii_digit(),
            field => field.choices().is_none() && !character.is_control(),
        };
        let mut value = self.value(self.focus).to_owned();
        if takes && value.len() < LONGEST {
            value.push(character);
            self.set(self.focus, value);
        }
    }

    /// Takes the last character of the field in focus away.
    pub fn erase(&mut self) {
        let mut value = self.value(self.focus).to_owned();
        if self.focus.choices().is_none() && value.pop().is_some() {
            self.set(self.focus, value);
        }
    }

    /// Empties the field in focus.
    pub fn clear(&mut self) {
        if self.focus.choices().is_none() {
            self.set(self.focus, String::new());
        }
    }

    /// Goes `step` fields down or up, around the ends.
    pub fn go(&mut self, forward: bool) {
        self.focus = beside(&Field::ALL, &self.focus, forward);
    }

    /// Takes the value beside the one that stands in the field in focus.
    pub fn choose(&mut self, forward: bool) {
        let field = self.focus;
        let value = self.value(field);
        let next = match field {
            Field::Cpus => {
                let count: u32 = value.parse().unwrap_or(1);
                let next = if forward {
                    count.saturating_add(1)
                } else {
                    count.saturating_sub(1)
                };
                next.max(1).to_string()
            }
            Field::Memory => {
                let size: u64 = value.parse().unwrap_or(256);
                let next = if forward {
                    size.saturating_mul(2)
                } else {
                    size / 2
                };
                next.max(1).to_string()
            }
            Field::Image if !self.images.is_empty() => {
                beside(&self.images, &value.to_owned(), forward)
            }
            _ => match field.choices() {
                Some(choices) => beside(&choices, &value, forward).to_owned(),
                None => return,
            },
        };
        self.set(field, next);
    }

    /// The objections that belong to a field, of its own text and of the last check.
    pub fn objection(&self, field: Field) -> Option<String> {
        if let Err(message) = self.draft_of(field, &mut Draft::default()) {
            return Some(message);
        }
        self.objections
            .iter()
            .flatten()
            .find(|objection| Field::of(objection) == Some(field))
            .map(|objection| objection.failure.message.clone())
    }

    /// Objections that belong to no field that is shown.
    pub fn other_objections(&self) -> impl Iterator<Item = &Objection> {
        self.objections
            .iter()
            .flatten()
            .filter(|objection| Field::of(objection).is_none())
    }

    /// Whether nothing is known to be wrong.
    pub fn is_acceptable(&self) -> bool {
        self.draft().is_ok() && self.objections.as_ref().is_none_or(Vec::is_empty)
    }

    /// The draft that the fields make, or the first field whose text makes no sense.
    pub fn draft(&self) -> Result<Draft, (Field, String)> {
        let mut draft = Draft::default();
        for field in Field::ALL {
            self.draft_of(field, &mut draft)
                .map_err(|message| (field, message))?;
        }
        Ok(draft)
    }

    /// The draft of those fields whose text makes sense, for a check while one types.
    pub fn draft_so_far(&self) -> Draft {
        let mut draft = Draft::default();
        for field in Field::ALL {
            // What makes no sense is told at its field already.
            let _ = self.draft_of(field, &mut draft);
        }
        draft
    }

    fn draft_of(&self, field: Field, draft: &mut Draft) -> Result<(), String> {
        let value = self.value(field).trim();
        let given = || (!value.is_empty()).then(|| value.to_owned());
        match field {
            Field::Name => draft.name = given(),
            Field::Image => draft.image = given(),
            Field::Backend => draft.backend = given().filter(|word| *word != self.asked),
            Field::Cpus => {
                draft.vcpu_count = Some(value.parse().map_err(|_| number("a number of vCPUs"))?);
            }
            Field::Memory => {
                draft.mem_size_mib = Some(value.parse().map_err(|_| number("a size in MiB"))?);
            }
            Field::Network => draft.network = value.parse().ok(),
            Field::DiskMode => draft.disk_mode = value.parse().ok(),
            Field::Publish => {
                draft.publish = value
                    .split([' ', ','])
                    .filter(|word| !word.is_empty())
                    .map(str::parse::<PortForward>)
                    .collect::<Result<_, _>>()
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

fn number(what: &str) -> String {
    format!("{what} is wanted here")
}

/// The item beside `current`, around the ends; the first one when `current` is none of them.
fn beside<T: Clone + PartialEq>(items: &[T], current: &T, forward: bool) -> T {
    let count = items.len();
    let next = match items.iter().position(|item| item == current) {
        Some(at) if forward => (at + 1) % count,
        Some(at) => (at + count - 1) % count,
        None => 0,
    };
    items.get(next).unwrap_or(current).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(field: Field, text: &str) -> Form {
        let mut form = Form::new(&Config::default(), "auto");
        form.focus = field;
        form.clear();
        text.chars().for_each(|c| form.type_character(c));
        form
    }

    #[test]
    fn the_untouched_form_makes_a_draft_of_the_defaults() {
        let draft = Form::new(&Config::default(), "auto").draft().unwrap();
        assert_eq!(draft.name, None);
        assert_eq!(draft.image.as_deref(), Some("tiny"));
        assert_eq!((draft.vcpu_count, draft.mem_size_mib), (Some(1), Some(256)));
    }

    #[test]
    fn ports_are_read_apart_by_spaces_and_a_bad_one_is_told_at_its_field() {
        let good = typed(Field::Publish, "8080:80, 2222:22").draft().unwrap();
        assert_eq!(good.publish.len(), 2);
        let form = typed(Field::Publish, "8080");
        assert!(form.objection(Field::Publish).is_some());
        assert_eq!(form.objection(Field::Name), None);
        assert!(!form.is_acceptable());
    }

    #[test]
    fn an_empty_number_is_told_and_letters_do_not_enter_it() {
        assert!(typed(Field::Cpus, "x").objection(Field::Cpus).is_some());
        assert_eq!(typed(Field::Memory, "5x1y2").value(Field::Memory), "512");
    }

    #[test]
    fn choices_go_around_and_numbers_count() {
        let mut form = Form::new(&Config::default(), "auto");
        form.focus = Field::Backend;
        for expected in ["firecracker", "qemu", "auto"] {
            form.choose(true);
            assert_eq!(form.value(Field::Backend), expected);
        }
        form.focus = Field::Memory;
        form.choose(true);
        assert_eq!(form.value(Field::Memory), "512");
        form.focus = Field::Cpus;
        form.choose(false);
        assert_eq!(form.value(Field::Cpus), "1");
    }
}
