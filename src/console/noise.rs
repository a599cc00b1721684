//! Streams for tests that look like a guest's, or like one that means harm.

use fastrand::Rng;

/// Words of a guest: text, controls, and the sequences that matter, well formed.
const WORDS: [&str; 64] = [
    "a",
    "hello",
    " ",
    "x y",
    "é",
    "д ",
    "漢",
    "字k",
    "😀",
    "e\u{301}",
    "\u{301}",
    "\u{200d}",
    "\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "\u{202e}",
    "\u{ad}",
    "\u{2028}",
    "\r\n",
    "\n",
    "\r",
    "\t",
    "\u{8}",
    "\u{7}",
    "\u{b}",
    "\u{c}",
    "\u{e}",
    "\u{f}",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{9b}",
    "\x1b7",
    "\x1b8",
    "\x1bD",
    "\x1bE",
    "\x1bH",
    "\x1bM",
    "\x1bZ",
    "\x1bc",
    "\x1b=",
    "\x1b>",
    "\x1b(0",
    "\x1b(B",
    "\x1b)0",
    "\x1b#8",
    "\x1b\\",
    "\x1b",
    "\x1b[",
    "\x1b]",
    "\x1bP",
    "\x1bX",
    "\x1b]0;title\x07",
    "\x1b]2;t\u{202e}\x1b\\",
    "\x1b]8;;http://x\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b]11;?\x07",
    "\x1b]4;1;rgb:1/2/3\x07",
    "\x1bP+q544e;436f\x1b\\",
    "\x1bP$qm\x1b\\",
    "\x1b_G1\x1b\\",
    "\x1b[18t",
    "\x1b[?6n",
    "\x1b[6n",
    "\x1b[c",
];

/// The ends of control sequences, known and unknown.
const FINALS: &[u8] = b"@ABCDEFGHIJKLMPSTXZ`abcdefghlmnpqrstuxz";

/// The numbers in them: small ones, borders, and modes.
const NUMBERS: [u32; 32] = [
    0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 22, 25, 31, 38, 47, 48, 97, 107, 255, 999, 1000,
    1002, 1047, 1049, 2004, 2026, 32766, 99999,
];

/// Appends one word.
pub(super) fn push_word(random: &mut Rng, out: &mut Vec<u8>) {
    match random.u8(0..100) {
        0..35 => out.extend(WORDS[random.usize(0..WORDS.len())].bytes()),
        35..60 => {
            let length = random.usize(1..30);
            out.extend(std::iter::repeat_with(|| random.u8(b' '..b'~')).take(length));
        }
        60..62 => {
            let length = random.usize(1..8);
            out.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
        }
        62..70 => push_style(random, out),
        _ => push_control(random, out),
    }
}

fn push_control(random: &mut Rng, out: &mut Vec<u8>) {
    out.extend(b"\x1b[");
    match random.u8(0..8) {
        0 | 1 => out.push(b'?'),
        2 => out.push(*random.choice(b"><=!").unwrap()),
        _ => {}
    }
    for number in 0..random.usize(0..4) {
        if number > 0 {
            out.push(*random.choice(b";;;:").unwrap());
        }
        out.extend(NUMBERS[random.usize(0..NUMBERS.len())].to_string().bytes());
    }
    match random.u8(0..12) {
        0 => out.push(b'$'),
        1 => out.push(b' '),
        _ => {}
    }
    out.push(*random.choice(FINALS).unwrap());
}

/// Colours and attributes.
fn push_style(random: &mut Rng, out: &mut Vec<u8>) {
    let style = match random.u8(0..6) {
        0 => format!("\x1b[{}m", random.u8(0..10)),
        1 => format!("\x1b[{}m", random.u8(30..38)),
        2 => format!("\x1b[{};{}m", random.u8(90..98), random.u8(40..48)),
        3 => format!("\x1b[38;5;{}m", random.u8(..)),
        4 => format!(
            "\x1b[48;2;{};{};{}m",
            random.u8(..),
            random.u8(..),
            random.u8(..)
        ),
        _ => "\x1b[m".to_owned(),
    };
    out.extend(style.bytes());
}
