use super::*;

/// An ELF of `arch` with the given program headers (`p_type` and content) and sections.
pub(in crate::guest) fn elf(
    arch: Arch,
    segments: &[(u32, &[u8])],
    sections: &[(&str, &[u8])],
) -> Vec<u8> {
    let machine = match arch {
        Arch::X86_64 => EM_X86_64,
        Arch::Aarch64 => EM_AARCH64,
    };
    let mut names = vec![0];
    let mut name_offsets = Vec::new();
    for (name, _) in sections.iter().chain(&[(".shstrtab", &[][..])]) {
        name_offsets.push(u32::try_from(names.len()).unwrap());
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    let mut sections: Vec<&[u8]> = sections.iter().map(|(_, content)| *content).collect();
    sections.push(&names);

    let program_headers = 64;
    let section_headers = program_headers + 56 * segments.len();
    let mut data = section_headers + 64 * sections.len();
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(64, 0);
    let put = |out: &mut Vec<u8>, at: usize, bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    put(&mut out, 18, &machine.to_le_bytes());
    put(&mut out, 32, &(program_headers as u64).to_le_bytes());
    put(&mut out, 40, &(section_headers as u64).to_le_bytes());
    put(&mut out, 54, &short(56));
    put(&mut out, 56, &short(segments.len()));
    put(&mut out, 58, &short(64));
    put(&mut out, 60, &short(sections.len()));
    put(&mut out, 62, &short(sections.len() - 1));
    out.resize(data, 0);
    for (index, (kind, content)) in segments.iter().enumerate() {
        let at = program_headers + 56 * index;
        put(&mut out, at, &kind.to_le_bytes());
        put(&mut out, at + 8, &(data as u64).to_le_bytes());
        put(&mut out, at + 32, &(content.len() as u64).to_le_bytes());
        data += content.len();
    }
    for (index, content) in sections.iter().enumerate() {
        let at = section_headers + 64 * index;
        put(&mut out, at, &name_offsets[index].to_le_bytes());
        put(&mut out, at + 24, &(data as u64).to_le_bytes());
        put(&mut out, at + 32, &(content.len() as u64).to_le_bytes());
        data += content.len();
    }
    for (_, content) in segments {
        out.extend_from_slice(content);
    }
    for content in sections {
        out.extend_from_slice(content);
    }
    out
}

fn check(bytes: &[u8]) -> Result<(), ElfError> {
    Elf::new(bytes)?.check_static(Arch::X86_64)
}

#[test]
fn a_program_with_a_loader_or_libraries_is_refused_and_a_static_one_is_not() {
    let needs_nothing = [0; 16];
    let mut needs_one = [0; 32];
    needs_one[0] = 1;
    assert_eq!(check(&elf(Arch::X86_64, &[(1, b"code")], &[])), Ok(()));
    let static_pie = elf(Arch::X86_64, &[(PT_DYNAMIC, &needs_nothing)], &[]);
    assert_eq!(check(&static_pie), Ok(()));
    let dynamic = elf(Arch::X86_64, &[(1, b""), (PT_DYNAMIC, &needs_one)], &[]);
    assert!(matches!(check(&dynamic), Err(ElfError::Dynamic(_))));
    let loader = b"/lib64/ld-linux-x86-64.so.2\0";
    let interpreted = elf(Arch::X86_64, &[(PT_INTERP, loader)], &[]);
    let error = check(&interpreted).unwrap_err().to_string();
    assert!(error.contains("/lib64/ld-linux-x86-64.so.2"), "{error}");
}

#[test]
fn a_program_for_another_machine_is_refused_by_name() {
    let error = check(&elf(Arch::Aarch64, &[], &[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is a program for aarch64, the guest is x86_64"
    );
}

#[test]
fn our_own_test_program_is_dynamic() {
    let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let host = Arch::host().unwrap();
    if cfg!(target_env = "gnu") {
        let checked = Elf::new(&this).unwrap().check_static(host);
        assert!(matches!(checked, Err(ElfError::Dynamic(_))), "{checked:?}");
    }
}

#[test]
fn every_truncation_and_every_wild_number_is_survived() {
    let whole = elf(
        Arch::X86_64,
        &[(PT_DYNAMIC, &[0; 16])],
        &[(".modinfo", b"depends=\0")],
    );
    assert!(Elf::new(&whole).unwrap().section(".modinfo").is_some());
    for length in 0..whole.len() {
        if let Ok(elf) = Elf::new(&whole[..length]) {
            let _ = (elf.arch(), elf.check_static(Arch::X86_64));
            let _ = elf.section(".modinfo");
        }
    }
    for at in 7..whole.len() {
        for value in [0x7f, 0x80, 0xff] {
            let mut wild = whole.clone();
            wild[at..].iter_mut().take(8).for_each(|byte| *byte = value);
            let elf = Elf::new(&wild).unwrap();
            let _ = (elf.check_static(Arch::X86_64), elf.section(".modinfo"));
        }
    }
    assert_eq!(check(b"#!/bin/sh\n"), Err(ElfError::NotElf));
    assert_eq!(check(b""), Err(ElfError::NotElf));
}
