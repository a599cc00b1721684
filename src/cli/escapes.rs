//! The escapes that `send` understands.

/// The bytes of several texts, joined by spaces: `\n`, `\r`, `\t`, `\xNN` and `\\` are understood,
/// any other backslash is typed as it is.
pub(super) fn bytes(texts: &[String]) -> Vec<u8> {
    let text = texts.join(" ");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = escape(byte, after).unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// The byte that an escape stands for, and what follows it; `None` when there is no escape.
fn escape(byte: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, rest) = after.split_first().filter(|_| byte == b'\\')?;
    Some(match kind {
        b'n' => (b'\n', rest),
        b'r' => (b'\r', rest),
        b't' => (b'\t', rest),
        b'\\' => (b'\\', rest),
        b'x' => {
            let (digits, rest) = rest.split_at_checked(2)?;
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            (u8::try_from(digit(0)? << 4 | digit(1)?).ok()?, rest)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes_and_texts_are_joined_by_spaces() {
        let table: [(&[&str], &[u8]); 9] = [
            (&["echo $((6*7))\\n"], b"echo $((6*7))\n"),
            (&["a", "b\\r"], b"a b\r"),
            (&["\\t\\\\n"], b"\t\\n"),
            (&["\\x1b[A\\x00\\xFF"], b"\x1b[A\x00\xff"),
            (&["\\x41b"], b"Ab"),
            (&["ä\\n"], "ä\n".as_bytes()),
            (&[""], b""),
            (&["real\nnewline"], b"real\nnewline"),
            (&["\\\\x41"], b"\\x41"),
        ];
        for (texts, expected) in table {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            assert_eq!(bytes(&texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_escape_is_typed_as_it_is() {
        for text in [
            "\\", "a\\.b", "\\x", "\\x4", "\\xg0", "\\x+1", "\\xä1", "\\ä", "\\0",
        ] {
            assert_eq!(bytes(&[text.to_owned()]), text.as_bytes(), "{text}");
        }
    }
}
