//! The signature that ends a distribution's kernel module (Linux,
//! `Documentation/admin-guide/module-signing.rst`).
//!
//! A kernel that finds one checks it, whether or not it would take a module without: a hash of the
//! whole module and arithmetic with numbers of thousands of bits, 10 ms a module when the guest is
//! emulated. So it is kept in a file beside the module, for kernels that insist.

/// The last bytes of a signed module.
const MAGIC: &[u8] = b"~Module signature appended~\n";

/// What stands before the magic: eight bytes about the kind of signature, then its length,
/// big-endian (`struct module_signature`).
const DESCRIPTION: usize = 12;

/// Cuts the signature off `module` and returns it; `None` when there is none.
pub(super) fn split_off(module: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (rest, description) = module.strip_suffix(MAGIC)?.split_last_chunk()?;
    let description: &[u8; DESCRIPTION] = description;
    let length = u32::from_be_bytes(*description.last_chunk()?);
    let end = rest.len().checked_sub(usize::try_from(length).ok()?)?;
    Some(module.split_off(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(length: u32) -> Vec<u8> {
        let mut module = b"module".to_vec();
        module.extend(b"sign");
        module.extend([0, 0, 2, 0, 0, 0, 0, 0]);
        module.extend(length.to_be_bytes());
        module.extend(MAGIC);
        module
    }

    #[test]
    fn a_signature_is_cut_off_whole_and_put_back_makes_the_module_again() {
        let mut module = signed(4);
        let signature = split_off(&mut module).unwrap();
        assert_eq!(module, b"module");
        assert!(signature.starts_with(b"sign"));
        module.extend(signature);
        assert_eq!(module, signed(4));
    }

    #[test]
    fn what_is_not_signed_or_says_so_wrongly_stays_as_it_is() {
        for bytes in [
            b"module".to_vec(),
            MAGIC.to_vec(),
            signed(11),
            signed(u32::MAX),
        ] {
            let mut module = bytes.clone();
            assert_eq!(split_off(&mut module), None);
            assert_eq!(module, bytes);
        }
    }
}
