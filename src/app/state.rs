//! What the dashboard knows, as plain data. The logic changes it, the view reads it, nothing in it
//! does anything by itself.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::action::Context;
use super::effect::{CountTarget, SampleTarget, SessionTarget};
use super::gutter::{Clock, Side};
use super::journal::Journal;
use super::keymap::Keymap;
use super::layout::{self, Regions};
use super::log::{Log, Moment};
use super::mend::MendStage;
use super::metrics::Metrics;
use super::now::Now;
use super::reading::Reading;
use super::row::Row;
use super::tryout::Tryout;
use crate::config::Config;
use crate::console::keys::Key;
use crate::console::mouse::{Mouse, MouseKind};
use crate::console::reader::Marks;
use crate::console::{Modes, MouseWanted, Screen, Size};
use crate::doctor::{Finding, Report, Status};
use crate::fault::Failure;
use crate::vm::{BootPhase, BootRecord, VmName};

pub use super::modal::{Break, Modal, Paste, Question, SearchFor};

/// A page of the selected VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// Figures.
    #[default]
    Overview,
    /// The serial console.
    Console,
    /// The boot timeline.
    Boot,
    /// The serial log.
    Log,
    /// The spec and the command line.
    Spec,
    /// What the VMM counts.
    Metrics,
}

impl Page {
    /// All pages, in the order of the tabs.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Console,
        Self::Boot,
        Self::Log,
        Self::Spec,
        Self::Metrics,
    ];

    /// The word on the tab.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Console => "Console",
            Self::Boot => "Boot",
            Self::Log => "Log",
            Self::Spec => "Spec",
            Self::Metrics => "Metrics",
        }
    }
}

/// Who gets the keys when no modal is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The list and its pages.
    #[default]
    Dashboard,
    /// The selected VM's console.
    Console,
}

/// The doctor's findings as they come.
#[derive(Clone, Debug, Default)]
pub struct Doctor {
    /// The names of the checks, in order.
    pub planned: Vec<String>,
    /// What came out, of a run before where it did not come out yet.
    pub found: Vec<Finding>,
    /// How many checks of the run under way came out.
    pub came: usize,
    /// The whole, once it is there.
    pub report: Option<Report>,
    /// Why it could not begin.
    pub failure: Option<Failure>,
    /// Whether a run is under way.
    pub is_running: bool,
    /// Whether the host changed meanwhile, so that another run has to follow.
    pub again: bool,
    /// Whether runs boot the canary too: from when that was asked for.
    pub boots: bool,
    /// The number of the last command that was to mend something.
    pub mendings: u64,
}

impl Doctor {
    /// How many checks fail and warn so far.
    pub fn counts(&self) -> (usize, usize) {
        let count = |status| self.found.iter().filter(|f| f.status == status).count();
        (count(Status::Fail), count(Status::Warn))
    }

    /// The finding of that check.
    pub fn finding(&self, name: &str) -> Option<&Finding> {
        self.found.iter().find(|finding| finding.name == name)
    }

    /// The place of the check whose details are shown: the chosen one, else the worst so far.
    pub fn shown(&self, choice: Option<&str>) -> usize {
        let place = |name: &str| self.planned.iter().position(|planned| planned == name);
        let first = |status| {
            let is_so = |name: &String| self.finding(name).is_some_and(|f| f.status == status);
            self.planned.iter().position(is_so)
        };
        let worst = || first(Status::Fail).or_else(|| first(Status::Warn));
        choice.and_then(place).or_else(worst).unwrap_or(0)
    }
}

/// How the console stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// There is none, and none is wanted.
    #[default]
    None,
    /// It is being made.
    Connecting,
    /// It stands.
    Live,
    /// The VM is dead; this is how it left its screen.
    LastScreen,
    /// The VM is dead and left no screen.
    NoScreen,
    /// It ended, and why if that is known.
    Ended(Option<Failure>),
}

/// The console of the selected VM.
#[derive(Clone, Debug, Default)]
pub struct Console {
    /// The number of the connection; what carries another number is of the past.
    pub session: u64,
    /// Where it goes.
    pub target: Option<SessionTarget>,
    /// How it stands.
    pub link: Link,
    /// The cells, copied right before a frame.
    pub screen: Screen,
    /// What the guest asked of its terminal; copied with the cells.
    pub modes: Modes,
    /// The title that the guest set.
    pub title: Option<String>,
    /// The number of the topmost row of the live screen, as a reader counts.
    pub live_top: i64,
    /// What a reader has marked.
    pub marks: Marks,
    /// What stands beside its rows, while it is read.
    pub sides: Vec<Side>,
    /// The ordinal of the boot that is shown.
    pub boot: u64,
    /// How many lines the view is scrolled back.
    pub offset: usize,
    /// How many lines came since it was scrolled back.
    pub new_lines: usize,
    /// The size of its pane.
    pub size: Option<Size>,
    /// The size of the guest's terminal, once it is known; copied with the cells.
    pub guest: Option<Size>,
    /// Bytes left out because we were too slow.
    pub missing: u64,
    /// Which key left the console, and when: the same again soon is sent to the guest.
    pub left: Option<(Key, Duration)>,
}

impl Console {
    /// The sizes of the guest's terminal and of its pane, when they differ.
    pub fn misfit(&self) -> Option<(Size, Size)> {
        let both = self.guest.zip(self.size);
        both.filter(|(guest, pane)| guest != pane)
    }
}

/// How far the pages are scrolled, in lines: from the top, the log from its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scroll {
    /// Of all pages but console and log.
    pub page: usize,
    /// Of the log.
    pub log: usize,
}

/// All that the dashboard knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The settings.
    pub config: Config,
    /// The backend that is asked for, in the user's word.
    pub backend: String,
    /// The keys.
    pub keymap: Keymap,
    /// When the last message came.
    pub now: Now,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The VMs, sorted by name.
    pub rows: Vec<Row>,
    /// How many more VMs there are, whose files are not read yet: the first frame does not wait for
    /// rows that it does not show.
    pub unread: usize,
    /// Why the VMs could not be read.
    pub store_failure: Option<Failure>,
    /// The selected VM: the only truth about it.
    pub selected: Option<VmName>,
    /// Where the selected VM stood in the list, for when it goes.
    pub(super) selected_at: usize,
    /// The first row of the list that is seen.
    pub top: usize,
    /// Only names that contain this are shown.
    pub filter: String,
    /// The page that is shown.
    pub page: Page,
    /// Whether the page has the whole screen.
    pub zoomed: bool,
    /// Who gets the keys when no modal is open.
    pub focus: Focus,
    /// What lies over the dashboard.
    pub modals: Vec<Modal>,
    /// The host.
    pub doctor: Doctor,
    /// The console of the selected VM.
    pub console: Console,
    /// The log of the selected VM.
    pub log: Log,
    /// What the VMM of the selected VM counts, while its page is shown.
    pub metrics: Metrics,
    /// The boots of all VMs, oldest first, once they were read.
    pub history: Option<Vec<BootRecord>>,
    /// Hints that were tried, the last one perhaps under way.
    pub tryouts: Vec<Tryout>,
    /// The console or the log is being read.
    pub reading: Option<Reading>,
    /// The phase that is chosen on the page of the boot.
    pub phase: Option<BootPhase>,
    /// What of the log is to be shown once it is read.
    pub sought: Option<Moment>,
    /// Which time the gutter shows.
    pub clock: Clock,
    /// Where the user is, for the time of day.
    pub zone: TimeZone,
    /// Where the left button went down on a page that can be read: row and column in it.
    pub(super) pressed: Option<(u16, u16)>,
    /// How far the pages are scrolled.
    pub scroll: Scroll,
    /// Messages to the user.
    pub journal: Journal,
    /// Whether any image is at hand; `None` before that was looked up.
    pub has_image: Option<bool>,
    /// What the world was asked to hold ready.
    pub(super) held: Held,
    /// Whether the dashboard's terminal has the keys of the user's desktop, as far as it tells.
    pub(super) has_desktop: bool,
    /// Where the pointer was when a guest was told of it last.
    pub(super) pointer: Option<Mouse>,
    /// Whether the picture changed since the last frame.
    pub stale: bool,
}

/// What the world was asked to hold ready, so that it is asked only for changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) samples: Vec<SampleTarget>,
    pub(super) count: Option<CountTarget>,
    pub(super) plan: Option<VmName>,
    pub(super) log: Option<VmName>,
    pub(super) boots: Option<(VmName, u64)>,
    pub(super) fit: Option<(u64, Size)>,
    /// The console that was told that it has the keys.
    pub(super) focus: Option<u64>,
}

impl State {
    /// The state before anything is known.
    pub fn new(config: Config, keymap: Keymap, size: (u16, u16)) -> Self {
        Self {
            backend: config.backend.clone(),
            config,
            keymap,
            now: Now::default(),
            size,
            rows: Vec::new(),
            unread: 0,
            store_failure: None,
            selected: None,
            selected_at: 0,
            top: 0,
            filter: String::new(),
            page: Page::default(),
            zoomed: false,
            focus: Focus::default(),
            modals: Vec::new(),
            doctor: Doctor::default(),
            console: Console::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            history: None,
            tryouts: Vec::new(),
            reading: None,
            phase: None,
            sought: None,
            clock: Clock::default(),
            zone: TimeZone::UTC,
            pressed: None,
            scroll: Scroll::default(),
            journal: Journal::default(),
            has_image: None,
            held: Held::default(),
            has_desktop: true,
            pointer: None,
            stale: true,
        }
    }

    /// Where keys are read now.
    pub fn context(&self) -> Context {
        match (self.modals.last(), self.focus) {
            (Some(Modal::Help { .. } | Modal::Messages { .. } | Modal::History { .. }), _) => {
                Context::Panel
            }
            (Some(Modal::Doctor { .. }), _) => Context::Doctor,
            (Some(Modal::Mend(mend)), _) => match mend.stage {
                MendStage::Asked => Context::Confirm,
                MendStage::Running => Context::Mending,
                MendStage::Failed(_) => Context::Panel,
            },
            (Some(Modal::Form(_)), _) => Context::Form,
            (Some(Modal::Confirm(_) | Modal::Paste(_)), _) => Context::Confirm,
            (Some(Modal::Break(menu)), _) if menu.asked.is_some() => Context::Confirm,
            (Some(Modal::Break(_)), _) => Context::Break,
            (Some(Modal::Filter { .. }), _) => Context::Filter,
            (Some(Modal::Search { .. }), _) => Context::Search,
            (None, _) if self.reading.is_some() => Context::Reading,
            (None, Focus::Dashboard) => Context::Dashboard,
            (None, Focus::Console) => Context::Console,
        }
    }

    /// Whether it matters to anybody what the mouse did: a pointer that moves mostly does not.
    pub fn wants(&self, mouse: Mouse) -> bool {
        let moves = mouse.kind == MouseKind::Move;
        !moves
            || self.context() == Context::Console && self.console.modes.mouse == MouseWanted::Motion
    }

    /// The rows that pass the filter, in order.
    pub fn shown(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| self.passes(row))
    }

    /// How many rows pass the filter.
    pub fn shown_count(&self) -> usize {
        self.shown().count()
    }

    fn passes(&self, row: &Row) -> bool {
        self.filter.is_empty() || row.vm.name.as_str().contains(&self.filter)
    }

    /// The row of that VM.
    pub fn row(&self, name: &VmName) -> Option<&Row> {
        self.rows.iter().find(|row| row.vm.name == *name)
    }

    /// The row of that VM, to be changed.
    pub(super) fn row_mut(&mut self, name: &VmName) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.vm.name == *name)
    }

    /// The selected row.
    pub fn selected_row(&self) -> Option<&Row> {
        self.row(self.selected.as_ref()?)
    }

    /// Where things are on the screen.
    pub fn regions(&self) -> Regions {
        layout::regions(self.size, self.rows.len(), self.zoomed, self.page)
    }
}
