use std::io::Write;

use lzma_rust2::{CheckType, XzOptions, XzWriter, filter::FilterType};

use super::super::elf::tests::elf;
use super::*;

const RELEASE: &str = "6.1.0-56-test";

/// What stands for a kernel: an ELF, large enough to be more than one chunk of everything.
fn vmlinux() -> Vec<u8> {
    let banner = format!("%s version %s\0Linux version %s\0Linux version {RELEASE} (gcc)\0");
    // Calls, which the x86 filter of xz rewrites.
    let code: Vec<u8> = (0..200_000u32)
        .flat_map(|n| [0xe8, n.to_le_bytes()[0], n.to_le_bytes()[1], 0, 0])
        .collect();
    elf(Arch::X86_64, &[(1, banner.as_bytes()), (1, &code)], &[])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn with_size(mut packed: Vec<u8>, bytes: &[u8]) -> Vec<u8> {
    packed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    packed
}

/// As `scripts/xz_wrap.sh` of Linux does: the x86 filter before LZMA2.
fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut options = XzOptions::with_preset(1);
    options.set_check_sum_type(CheckType::Crc32);
    options.prepend_pre_filter(FilterType::BcjX86, 0);
    let mut writer = XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(bytes).unwrap();
    with_size(writer.finish().unwrap(), bytes)
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    with_size(ruzstd::encoding::compress_to_vec(bytes, level), bytes)
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x02\x21\x4c\x18".to_vec();
    for block in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(block);
        out.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&packed);
    }
    with_size(out, bytes)
}

fn bzimage(payload: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 3 * 512];
    image[0x1f1] = 2;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    let release = format!("{RELEASE} (somebody@somewhere) #1\0");
    image[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
    image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    image.extend_from_slice(&[0; 16]);
    image.extend_from_slice(payload);
    image.extend_from_slice(b"what follows the payload");
    image
}

fn arm64() -> Vec<u8> {
    let mut image = vec![0; 0x40];
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    image.extend_from_slice(format!("Linux version {RELEASE} (gcc)").as_bytes());
    image
}

#[test]
fn each_compression_gives_the_elf_that_went_in() {
    let elf = vmlinux();
    for payload in [gzip(&elf), xz(&elf), zstd(&elf), lz4(&elf)] {
        let image = bzimage(&payload);
        let kernel = Kernel::open(image.clone()).unwrap();
        assert_eq!(kernel.arch, Arch::X86_64);
        assert_eq!(kernel.release.as_deref(), Some(RELEASE));
        assert_eq!(kernel.shipped, Some(image));
        assert!(kernel.elf == Some(elf.clone()), "{:02x?}", &payload[..4]);
    }
}

#[test]
fn an_lz4_kernel_of_several_blocks_is_whole() {
    let mut elf = vmlinux();
    elf.resize((8 << 20) * 2 + 17, 7);
    let kernel = Kernel::open(bzimage(&lz4(&elf))).unwrap();
    assert!(kernel.elf == Some(elf));
    // The last block may be exactly full.
    let mut elf = vmlinux();
    elf.resize(8 << 20, 7);
    assert!(Kernel::open(bzimage(&lz4(&elf))).unwrap().elf == Some(elf));
}

#[test]
fn a_kernel_cut_short_anywhere_is_an_error() {
    let elf = vmlinux();
    for payload in [gzip(&elf), xz(&elf), zstd(&elf), lz4(&elf)] {
        let image = bzimage(&payload);
        let end = image.len() - 25;
        let step = (end / 40).max(1);
        for length in (0..0x310).step_by(7).chain((0x310..end).step_by(step)) {
            assert!(Kernel::open(image[..length].to_vec()).is_err(), "{length}");
        }
        // The payload itself cut, with a header that agrees with the cut.
        for length in (0..payload.len()).step_by((payload.len() / 40).max(1)) {
            let image = bzimage(&payload[..length]);
            assert!(
                Kernel::open(image).is_err(),
                "{length} of {}",
                payload.len()
            );
        }
    }
}

#[test]
fn a_size_that_lies_is_no_allocation_and_an_error() {
    let elf = vmlinux();
    for mut payload in [xz(&elf), zstd(&elf), lz4(&elf)] {
        for lie in [0, 1, elf.len() - 1, elf.len() + 1, 0xffff_ffff] {
            let at = payload.len() - 4;
            payload[at..].copy_from_slice(&u32::try_from(lie).unwrap().to_le_bytes());
            assert!(Kernel::open(bzimage(&payload)).is_err(), "{lie}");
        }
    }
}

#[test]
fn garbage_is_an_error_of_the_right_kind() {
    for garbage in [&b""[..], b"#!/bin/sh\n", &[0; 4096], &[0xff; 4096]] {
        let error = Kernel::open(garbage.to_vec()).unwrap_err();
        assert!(matches!(error, KernelError::Unknown), "{error}");
    }
    let bzip2 = Kernel::open(bzimage(b"BZh91AY&SY....")).unwrap_err();
    assert!(matches!(bzip2, KernelError::Compression(_)), "{bzip2}");
    let text = gzip(b"not a kernel");
    let error = Kernel::open(bzimage(&text)).unwrap_err();
    assert!(matches!(error, KernelError::Payload), "{error}");
    // A program is an ELF too, and no kernel.
    let program = elf(Arch::X86_64, &[(1, b"code")], &[]);
    assert!(Kernel::open(program).is_err());
    // Wild bytes behind each magic.
    let noise: Vec<u8> = (0..5000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    for magic in [
        &b"\x1f\x8b\x08"[..],
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"\x02\x21\x4c\x18",
    ] {
        let payload = [magic, &noise].concat();
        assert!(Kernel::open(bzimage(&payload)).is_err());
        assert!(Kernel::open(payload).is_err());
    }
}

#[test]
fn an_elf_is_taken_as_it_is() {
    let elf = vmlinux();
    let kernel = Kernel::open(elf.clone()).unwrap();
    assert_eq!(kernel.release.as_deref(), Some(RELEASE));
    assert!(kernel.shipped.is_none() && kernel.elf == Some(elf));
}

#[test]
fn an_arm64_image_is_taken_plain_gzipped_or_out_of_its_efi_wrapping() {
    let image = arm64();
    let packed = gzip(&image);
    let mut zboot = b"MZ\0\0zimg".to_vec();
    zboot.extend_from_slice(&64_u32.to_le_bytes());
    zboot.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
    zboot.resize(64, 0);
    zboot.extend_from_slice(&packed);
    for form in [image.clone(), packed, zboot] {
        let kernel = Kernel::open(form).unwrap();
        assert_eq!(kernel.arch, Arch::Aarch64);
        assert_eq!(kernel.release.as_deref(), Some(RELEASE));
        assert_eq!(kernel.shipped, Some(image.clone()));
        assert_eq!(kernel.elf, None);
    }
}

#[test]
fn kernels_that_boot_are_known_by_their_beginning() {
    let with = |offset: usize, magic: &[u8]| {
        let mut bytes = vec![0; 0x210];
        bytes[offset..offset + magic.len()].copy_from_slice(magic);
        bytes
    };
    let elf = |machine: u16| {
        let mut bytes = with(0, b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    };
    for (bytes, expected) in [
        (with(0x202, b"HdrS"), Some(Arch::X86_64)),
        (with(0x38, b"ARM\x64"), Some(Arch::Aarch64)),
        (with(0, b"\x1f\x8b\x08"), Some(Arch::Aarch64)),
        (elf(62), Some(Arch::X86_64)),
        (elf(183), None),
        (elf(40), None),
        (with(0x201, b"HdrS"), None),
        (b"\x7fELF\x02\x01".to_vec(), None),
        (b"#!/bin/sh".to_vec(), None),
        (Vec::new(), None),
    ] {
        assert_eq!(kernel_arch(&bytes[..]).unwrap(), expected);
    }
}
