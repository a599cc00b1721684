//! A guest of a few hundred bytes, for tests and for `doctor --boot`: it proves that a VMM runs
//! instructions and that the serial line carries bytes both ways, without any image.
//!
//! It says a text on the first serial port (8250 at 0x3f8), then echoes what it receives. The same
//! bytes are valid 32-bit and 64-bit code, so either entry works: PVH (32-bit, QEMU and newer
//! Firecrackers) by an ELF note, and the ELF's own entry (64-bit, older Firecrackers). Only integer
//! instructions are used, so even a KVM that interprets kernel code runs it.
//!
//! Nothing in it sleeps: while it waits for input it keeps one CPU of the host busy.

/// Typed on the serial line: power off by ACPI, as QEMU's `q35` has it once its firmware ran. A
/// Firecracker has no such thing: there, reset.
pub const POWER_OFF: u8 = 0x04;
/// Typed on the serial line: print lines without end, until another byte comes.
pub const FLOOD: u8 = 0x06;
/// Typed on the serial line: reset by the keyboard controller.
pub const RESET: u8 = 0x12;

/// Where the file is loaded: 1 MiB, the lowest address that Firecracker accepts.
const BASE: u32 = 0x10_0000;
/// A stack, below 1 MiB, for the one level of calls.
const STACK: u32 = 0x9_0000;
/// Size of the ELF header, two program headers and the note, padded.
const HEADERS: u32 = 208;

/// The guest as an ELF file that says `text` first. A newline is sent as it is: write `\r\n`.
pub fn elf(text: &str) -> Vec<u8> {
    let (code, start) = code(text);
    let size = u64::from(HEADERS) + code.len() as u64;
    let entry = u64::from(BASE + HEADERS) + start as u64;
    let mut file = Vec::with_capacity(HEADERS as usize + code.len());
    // ELF header (System V ABI): 64-bit, little-endian, ET_EXEC, EM_X86_64.
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend(entry.to_le_bytes());
    file.extend(64_u64.to_le_bytes()); // program headers
    file.extend(0_u64.to_le_bytes()); // no section headers
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    // PT_LOAD, readable, writable and executable: the whole file at BASE.
    let base = u64::from(BASE);
    program_header(&mut file, 1, 7, [0, base, base, size, size, 0x1000]);
    // PT_NOTE: 20 bytes of note and 4 of padding make an 8-byte value readable.
    let note = base + 176;
    program_header(&mut file, 4, 4, [176, note, note, 24, 24, 4]);
    // XEN_ELFNOTE_PHYS32_ENTRY (18), the PVH entry; QEMU reads its value as 8 bytes.
    file.extend([4, 0, 0, 0, 8, 0, 0, 0, 18, 0, 0, 0]);
    file.extend(b"Xen\0");
    file.extend(entry.to_le_bytes());
    file.resize(HEADERS as usize, 0);
    file.extend(code);
    file
}

fn program_header(file: &mut Vec<u8>, kind: u32, flags: u32, fields: [u64; 6]) {
    file.extend(kind.to_le_bytes());
    file.extend(flags.to_le_bytes());
    file.extend(fields.into_iter().flat_map(u64::to_le_bytes));
}

/// Machine code with the text behind it, and the offset of its first instruction.
fn code(text: &str) -> (Vec<u8>, usize) {
    let mut code = Code(Vec::new());

    // put: sends BL once the transmitter is free. Clobbers AL and DX.
    let put = code.here();
    code.add(&[0x66, 0xba, 0xfd, 0x03]); // mov dx, 0x3fd: line status
    let wait = code.here();
    code.add(&[0xec, 0xa8, 0x20]); //       in al, dx; test al, 0x20
    code.jump(0x74, wait); //               jz wait
    code.add(&[0x66, 0xba, 0xf8, 0x03]); // mov dx, 0x3f8
    code.add(&[0x88, 0xd8, 0xee, 0xc3]); // mov al, bl; out dx, al; ret

    // reset: pulse the reset line by the keyboard controller.
    let reset = code.here();
    code.add(&[0x66, 0xba, 0x64, 0x00]); // mov dx, 0x64
    code.add(&[0xb0, 0xfe, 0xee]); //       mov al, 0xfe; out dx, al
    let halt = code.here();
    code.add(&[0xf4]); //                   hlt
    code.jump(0xeb, halt); //               jmp halt
    // power_off: S5 by PM1a_CNT, where SeaBIOS puts it on q35.
    let power_off = code.here();
    code.add(&[0x66, 0xba, 0x04, 0x06]); // mov dx, 0x604
    code.add(&[0x66, 0xb8, 0x00, 0x20]); // mov ax, 0x2000: SLP_EN, SLP_TYP 0
    code.add(&[0x66, 0xef]); //             out dx, ax
    code.jump(0xeb, halt); //               jmp halt

    // start: say the text.
    let start = code.here();
    code.add(&[0xfc, 0xbc]); //             cld; mov esp, STACK
    code.add(&STACK.to_le_bytes());
    code.add(&[0xbe]); //                   mov esi, text
    let text_at = code.here();
    code.add(&[0; 4]);
    let say = code.here();
    code.add(&[0xac, 0x84, 0xc0]); //       lodsb; test al, al
    let said = code.jump_ahead(0x74); //    jz echo
    code.add(&[0x88, 0xc3]); //             mov bl, al
    code.call(put);
    code.jump(0xeb, say); //                jmp say

    // flood: lines of printable characters until a byte waits.
    let flood = code.here();
    code.add(&[0xb3, 0x20]); //             mov bl, ' '
    let next = code.here();
    code.call(put);
    code.add(&[0xfe, 0xc3]); //             inc bl
    code.add(&[0x80, 0xfb, 0x7f]); //       cmp bl, 0x7f
    code.jump(0x75, next); //               jne next
    code.add(&[0xb3, 0x0d]); //             mov bl, '\r'
    code.call(put);
    code.add(&[0xb3, 0x0a]); //             mov bl, '\n'
    code.call(put);
    code.add(&[0x66, 0xba, 0xfd, 0x03]); // mov dx, 0x3fd
    code.add(&[0xec, 0xa8, 0x01]); //       in al, dx; test al, 1
    code.jump(0x74, flood); //              jz flood

    // echo: wait for a byte, obey it or send it back.
    let echo = code.here();
    code.land(said, echo);
    code.add(&[0x66, 0xba, 0xfd, 0x03]); // mov dx, 0x3fd
    let idle = code.here();
    code.add(&[0xf3, 0x90]); //             pause
    code.add(&[0xec, 0xa8, 0x01]); //       in al, dx; test al, 1
    code.jump(0x74, idle); //               jz idle
    code.add(&[0x66, 0xba, 0xf8, 0x03]); // mov dx, 0x3f8
    code.add(&[0xec, 0x88, 0xc3]); //       in al, dx; mov bl, al
    for (byte, target) in [(POWER_OFF, power_off), (RESET, reset), (FLOOD, flood)] {
        code.add(&[0x3c, byte]); //         cmp al, byte
        code.jump(0x74, target); //         je target
    }
    code.call(put);
    code.jump(0xeb, echo); //               jmp echo

    let address = BASE + HEADERS + code.offset();
    code.0[text_at..text_at + 4].copy_from_slice(&address.to_le_bytes());
    // A zero ends the text, so one inside it cuts it short.
    code.add(text.as_bytes());
    code.add(&[0]);
    (code.0, start)
}

/// Bytes of machine code. All jumps are short: the whole is below 128 bytes behind `put`.
struct Code(Vec<u8>);

impl Code {
    fn here(&self) -> usize {
        self.0.len()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the code is about 150 bytes long"
    )]
    fn offset(&self) -> u32 {
        self.0.len() as u32
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A short jump back: opcode and the distance from behind it.
    fn jump(&mut self, opcode: u8, target: usize) {
        self.0.extend([opcode, 0]);
        self.land(self.0.len() - 1, target);
    }

    /// A short jump to a place not yet known; [`Self::land`] tells it.
    fn jump_ahead(&mut self, opcode: u8) -> usize {
        self.0.extend([opcode, 0]);
        self.0.len() - 1
    }

    /// Writes the distance from behind the byte at `at` to `target` into it.
    fn land(&mut self, at: usize, target: usize) {
        self.0[at] = target.wrapping_sub(at + 1).to_le_bytes()[0];
    }

    /// A near call: its distance has 32 bits in both modes.
    fn call(&mut self, target: usize) {
        self.0.push(0xe8);
        let behind = self.0.len() + 4;
        let distance = target.wrapping_sub(behind).to_le_bytes();
        self.add(&distance[..4]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_is_one_small_file_and_its_jumps_are_short() {
        let (code, start) = code("");
        assert!(
            code.len() < 128 + start,
            "{} bytes, start {start}",
            code.len()
        );
        let file = elf("hello\r\n");
        assert!(file.len() < 512, "{} bytes", file.len());
        assert_eq!(
            file.len(),
            HEADERS as usize + code.len() + "hello\r\n".len()
        );
    }
}
