//! Where things are: shared by the logic, which needs the console's size and what a click meets,
//! and the view.
//!
//! ```text
//! narrow                          wide (from 150 columns)         zoomed
//! ┌ header ───────────────────┐   ┌ header ────────────────────┐  ┌ tabs ───────────┐
//! │ list                      │   │ list        │ tabs         │  │ page            │
//! │ tabs                      │   │             │ page         │  │                 │
//! │ page                      │   │             │              │  │                 │
//! └ footer ───────────────────┘   └ footer ────────────────────┘  └ footer ─────────┘
//! ```
//! A zoomed console has no tabs either. What the header says of the host is in the footer then.

use ratatui::layout::Rect;

use super::state::Page;
use crate::console::Size;

/// The least columns and rows that the dashboard is drawn in.
pub const LEAST: (u16, u16) = (40, 10);
/// From this width on, list and page stand side by side.
const WIDE: u16 = 150;

/// The parts of the screen. Those that are not shown are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// Title, counts, the doctor's badge.
    pub header: Rect,
    /// The list, its heading included.
    pub list: Rect,
    /// The line between list and page, when they stand side by side.
    pub rule: Rect,
    /// The tabs of the pages.
    pub tabs: Rect,
    /// The page.
    pub page: Rect,
    /// What keys do now.
    pub footer: Rect,
    /// The terminal is too small for any of it.
    pub too_small: bool,
}

impl Regions {
    /// The rows of the list without its heading.
    pub fn list_rows(&self) -> Rect {
        Rect {
            y: self.list.y + u16::from(self.list.height > 0),
            height: self.list.height.saturating_sub(1),
            ..self.list
        }
    }

    /// The size of a console in the page, or `None` when it cannot be seen. Its last row is kept
    /// for what is to be said about it, unless it is zoomed.
    pub fn console(&self) -> Option<Size> {
        let pane = self.console_pane();
        (!self.too_small && pane.width >= 2 && pane.height >= 2)
            .then(|| Size::new(pane.height, pane.width))
    }

    /// Where the console's cells are.
    pub fn console_pane(&self) -> Rect {
        self.page
    }
}

/// Divides a terminal of that size, given how many VMs there are.
pub fn regions((width, height): (u16, u16), vms: usize, zoomed: bool, page: Page) -> Regions {
    if width < LEAST.0 || height < LEAST.1 {
        return Regions {
            too_small: true,
            ..Regions::default()
        };
    }
    let line = |y| Rect::new(0, y, width, 1);
    let footer = line(height - 1);
    if zoomed {
        let tabs = if page == Page::Console {
            Rect::default()
        } else {
            line(0)
        };
        return Regions {
            tabs,
            page: Rect::new(0, tabs.height, width, height - 1 - tabs.height),
            footer,
            ..Regions::default()
        };
    }
    let body = height - 2;
    if width >= WIDE {
        let list = if width >= 180 { 84 } else { width - 82 };
        let right = list + 1;
        return Regions {
            header: line(0),
            list: Rect::new(0, 1, list, body),
            rule: Rect::new(list, 1, 1, body),
            tabs: Rect::new(right, 1, width - right, 1),
            page: Rect::new(right, 2, width - right, body - 1),
            footer,
            too_small: false,
        };
    }
    // As many rows as there are VMs, but the page keeps the larger part.
    let most = (body * 2 / 5).saturating_sub(1).max(2);
    let rows = u16::try_from(vms).unwrap_or(u16::MAX).clamp(2, most.max(2));
    let rows = rows.max(4.min(most));
    let list = rows + 1;
    Regions {
        header: line(0),
        list: Rect::new(0, 1, width, list),
        rule: Rect::default(),
        tabs: line(1 + list),
        page: Rect::new(0, 2 + list, width, body - list - 1),
        footer,
        too_small: false,
    }
}

/// What the frame of a terminal in a panel takes of the screen: header, footer, frame, and two lines
/// that say what runs.
const PANE_FRAME: (u16, u16) = (4, 6);

/// The size of the terminal in which a command runs that mends the host.
pub fn pane((width, height): (u16, u16)) -> Size {
    Size::new(
        height.saturating_sub(PANE_FRAME.1),
        width.saturating_sub(PANE_FRAME.0),
    )
}

/// Where each tab is and the word on it: ` 1 Overview  2 Console …`, tight where the line is short,
/// and with the words cut where even that does not fit.
pub fn tabs(line: Rect) -> impl Iterator<Item = (Page, &'static str, Rect)> {
    const LOOSE: u16 = 62;
    const WHOLE: u16 = 50;
    const CUT: usize = 4;
    let (first, gap) = if line.width >= LOOSE { (1, 3) } else { (0, 1) };
    let mut x = line.x + first;
    Page::ALL.into_iter().map(move |page| {
        let word = page.word();
        let cut = word.get(..CUT).filter(|_| line.width < WHOLE);
        let word = cut.unwrap_or(word);
        let width = u16::try_from(word.len()).unwrap_or(0) + 2;
        let tab = Rect::new(x, line.y, width, line.height).intersection(line);
        x = x.saturating_add(width + gap);
        (page, word, tab)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regions_never_overlap_and_stay_on_the_screen_at_any_size() {
        for width in (1..300)
            .step_by(7)
            .chain([39, 40, 80, 149, 150, 179, 180, 200])
        {
            for height in (1..100).step_by(3).chain([9, 10, 24, 50]) {
                for (vms, zoomed, page) in [
                    (0, false, Page::Overview),
                    (500, false, Page::Console),
                    (3, true, Page::Console),
                    (3, true, Page::Log),
                ] {
                    let all = regions((width, height), vms, zoomed, page);
                    let parts = [
                        all.header, all.list, all.rule, all.tabs, all.page, all.footer,
                    ];
                    let screen = Rect::new(0, 0, width, height);
                    for (i, one) in parts.iter().enumerate() {
                        assert_eq!(one.intersection(screen).area(), one.area());
                        for other in &parts[i + 1..] {
                            assert_eq!(one.intersection(*other).area(), 0, "{width}x{height}");
                        }
                    }
                    if !all.too_small {
                        let covered: u32 = parts.iter().map(|part| part.area()).sum();
                        assert_eq!(covered, screen.area(), "{width}x{height}");
                        assert!(all.console().is_some());
                    }
                }
            }
        }
    }

    #[test]
    fn all_tabs_fit_from_forty_columns_on() {
        for width in 40..250 {
            let line = Rect::new(0, 0, width, 1);
            for (page, word, tab) in tabs(line) {
                assert_eq!(usize::from(tab.width), word.len() + 2, "{width}");
                assert!(page.word().starts_with(word));
            }
        }
    }
}
