//! The picture in the README, drawn from the running dashboard.

use std::fmt::Write as _;
use std::path::PathBuf;

use vt100::{Cell, Color, Screen};

use crate::support::{Bed, Session, Size};

/// Pixels of one cell, and of the frame around all.
const CELL: (f32, f32) = (8.4, 17.0);
const MARGIN: f32 = 12.0;
const FOREGROUND: &str = "#d8dee9";
const BACKGROUND: &str = "#1b1f27";
/// The sixteen colours that a terminal's user chooses.
const PALETTE: [&str; 16] = [
    "#3b4252", "#e06c75", "#8cc570", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4",
    "#6b7385", "#f0838b", "#a5d98b", "#f0d399", "#82c2f5", "#d699ea", "#7acad4", "#ffffff",
];

fn hex(color: Color, default: &str) -> String {
    match color {
        Color::Default => default.to_owned(),
        Color::Idx(index @ 0..16) => PALETTE[usize::from(index)].to_owned(),
        Color::Idx(index @ 16..232) => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let cube = index - 16;
            let (r, g, b) = (level(cube / 36), level(cube / 6 % 6), level(cube % 6));
            format!("#{r:02x}{g:02x}{b:02x}")
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    }
}

/// Foreground, background and the further attributes of a cell, as SVG has them.
fn style(cell: &Cell) -> (String, String, String) {
    let mut front = hex(cell.fgcolor(), FOREGROUND);
    let mut back = hex(cell.bgcolor(), BACKGROUND);
    if cell.inverse() {
        std::mem::swap(&mut front, &mut back);
    }
    let attributes = [
        (cell.bold(), " font-weight=\"bold\""),
        (cell.dim(), " opacity=\"0.6\""),
        (cell.italic(), " font-style=\"italic\""),
        (cell.underline(), " text-decoration=\"underline\""),
    ];
    let attributes = attributes
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, text)| *text);
    (front, back, attributes.collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A run of cells of one style: its ground, then each word at its own place, so that nothing hangs
/// on the width that a viewer's font gives to spaces.
fn draw(svg: &mut String, (row, column): (u16, u16), text: &str, style: &(String, String, String)) {
    let (front, back, attributes) = style;
    let x_of = |cell: usize| {
        MARGIN + (f32::from(column) + f32::from(u16::try_from(cell).unwrap())) * CELL.0
    };
    let y = MARGIN + f32::from(row) * CELL.1;
    if back != BACKGROUND {
        let (x, end) = (x_of(0), x_of(text.chars().count()));
        let (width, height) = (end - x, CELL.1);
        writeln!(
            svg,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" fill="{back}"/>"#
        )
        .unwrap();
    }
    let base = y + 13.0;
    let mut at = 0;
    for word in text.split(' ') {
        let cells = word.chars().count();
        if cells > 0 {
            let x = x_of(at);
            let width = x_of(at + cells) - x;
            let word = escaped(word);
            writeln!(
                svg,
                r#"<text x="{x:.1}" y="{base:.1}" textLength="{width:.1}" fill="{front}"{attributes}>{word}</text>"#
            )
            .unwrap();
        }
        at += cells + 1;
    }
}

fn svg_of(screen: &Screen) -> String {
    let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
    let width = f32::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut run: Option<(u16, String, (String, String, String))> = None;
        for column in 0..columns {
            let Some(cell) = screen.cell(row, column) else {
                continue;
            };
            let text = if cell.has_contents() {
                cell.contents()
            } else {
                " "
            };
            let style = style(cell);
            match &mut run {
                Some((_, so_far, same)) if *same == style => so_far.push_str(text),
                _ => {
                    if let Some((begin, text, style)) = run.take() {
                        draw(&mut svg, (row, begin), &text, &style);
                    }
                    run = Some((column, text.to_owned(), style));
                }
            }
        }
        if let Some((begin, text, style)) = run {
            draw(&mut svg, (row, begin), &text, &style);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// `scripts/picture` sets `PICTURE` to where it shall be; otherwise it is drawn and thrown away.
#[test]
fn the_picture_of_the_readme_is_drawn_from_the_running_program() {
    let bed = Bed::new();
    for (name, arguments) in [
        ("build-cache", ["--memory", "256"]),
        ("nightly", ["--memory", "128"]),
        ("web", ["--memory", "512"]),
    ] {
        bed.run(&[&["create", name][..], &arguments].concat()).ok();
    }
    bed.run(&["start", "nightly", "web", "--wait", "--timeout", "90"])
        .ok();
    bed.run(&["send", "web", "uname -a; free -m; echo $((6*7))\\n"])
        .ok();
    bed.run(&["expect", "web", "^42", "--timeout", "30"]).ok();
    bed.run(&["stop", "nightly"]).ok();
    bed.run(&["start", "nightly", "--wait", "--timeout", "90"])
        .ok();

    let mut session = Session::program(&bed, Size(120, 32), &["--open", "web"], &[]);
    session.wait_for("what works on this host");
    session.send("\x1b");
    session.wait_without("what works on this host");
    session.send("2");
    session.wait_for("42");
    session.wait_for("%");
    let svg = session.look(svg_of);
    assert!(svg.contains("web") && svg.ends_with("</svg>\n"), "{svg}");
    if let Some(path) = std::env::var_os("PICTURE").map(PathBuf::from) {
        std::fs::write(path, svg).unwrap();
    }
    session.send("q");
    assert_eq!(session.exit_code(), 0);
}
