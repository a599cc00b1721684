//! Decompression by magic, bounded: the sizes in a file are never believed.

use std::io::{self, Read};

use lzma_rust2::XzReader;

/// No kernel and no module is larger than this when unpacked, in bytes.
pub(super) const LIMIT: usize = 1 << 30;

/// One block of the legacy LZ4 format holds at most this many bytes when unpacked
/// (`LZ4_Frame_format.md`, "Legacy frame").
const LZ4_BLOCK: usize = 8 << 20;

/// The compressions that Linux kernels and modules come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// The `.xz` format.
    Xz,
    /// RFC 8878.
    Zstd,
    /// LZ4's legacy frame, which is what the kernel's build makes with `lz4 -l`.
    Lz4Legacy,
}

impl Compression {
    /// Which compression `bytes` begin with.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        [
            (&b"\x1f\x8b"[..], Self::Gzip),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\x02\x21\x4c\x18", Self::Lz4Legacy),
        ]
        .into_iter()
        .find_map(|(magic, compression)| bytes.starts_with(magic).then_some(compression))
    }

    /// Unpacks `bytes`, whatever follows the compressed data in them.
    ///
    /// # Errors
    ///
    /// When the data is damaged or cut short, or larger than `limit` bytes when unpacked.
    pub(super) fn unpack(self, bytes: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => bounded(flate2::bufread::GzDecoder::new(bytes), limit),
            // 1.5 GiB of dictionary is what the format allows; kernels use 32 MiB.
            Self::Xz => bounded(XzReader::new_mem_limit(bytes, false, 128 * 1024), limit),
            Self::Zstd => {
                let mut input = bytes;
                let decoder = ruzstd::decoding::StreamingDecoder::new(&mut input)
                    .map_err(|error| invalid(error.to_string()))?;
                bounded(decoder, limit)
            }
            Self::Lz4Legacy => unpack_lz4(bytes, limit),
        }
    }
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn too_large() -> io::Error {
    invalid("it is larger than a kernel can be")
}

fn bounded(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let limit_u64 = u64::try_from(limit).unwrap_or(u64::MAX);
    reader
        .take(limit_u64.saturating_add(1))
        .read_to_end(&mut out)?;
    if out.len() > limit {
        return Err(too_large());
    }
    Ok(out)
}

/// Magic, then blocks: their packed size as a little-endian u32, then raw LZ4. The end is the end
/// of the data, or a size that no block can have (the kernel's build appends the unpacked size).
fn unpack_lz4(bytes: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut rest = &bytes[4..];
    let mut out = Vec::new();
    let mut block = vec![0; LZ4_BLOCK];
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        // Incompressible data grows by 1/255 and a little.
        if size == 0 || size > LZ4_BLOCK + LZ4_BLOCK / 255 + 16 {
            break;
        }
        let Some(packed) = after.get(..size) else {
            // What follows the last full block is the appended size.
            break;
        };
        let unpacked = lz4_flex::block::decompress_into(packed, &mut block)
            .map_err(|error| invalid(error.to_string()))?;
        if out.len() + unpacked > limit {
            return Err(too_large());
        }
        out.extend_from_slice(&block[..unpacked]);
        rest = &after[size..];
        // Only the last block may be shorter than the others.
        if unpacked < LZ4_BLOCK {
            break;
        }
    }
    Ok(out)
}

/// Unpacks what is compressed and leaves the rest as it is.
pub(super) fn unpacked(bytes: Vec<u8>, limit: usize) -> io::Result<Vec<u8>> {
    match Compression::of(&bytes) {
        Some(compression) => compression.unpack(&bytes, limit),
        None => Ok(bytes),
    }
}
