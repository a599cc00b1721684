# A guest of a few hundred bytes, for `doctor --boot` and for tests: it proves that a VMM runs
# instructions and that the serial line carries bytes both ways, without any image.
#
# It says a line on the first serial port (8250 at 0x3f8), then echoes what it receives, save for
# three bytes that it obeys. The same bytes are valid 32-bit and 64-bit code, so either entry works:
# PVH (32-bit, QEMU and newer Firecrackers) by an ELF note, and the ELF's own entry (64-bit, older
# Firecrackers). Only integer instructions are used, so even a KVM that interprets kernel code runs
# it. Nothing in it sleeps: while it waits for input it keeps one CPU of the host busy. So it ends by
# itself when nothing comes for long: one whose owner was killed does not burn for ever.
#
# `scripts/canary` makes `canary-x86_64` of it. The file is laid out here to the byte, with no linker,
# so that every assembler of GNU makes the same.

        .intel_syntax noprefix
        .code64
        .text

        .set BASE, 0x100000             # 1 MiB, the lowest address that Firecracker accepts
        .set STACK, 0x90000             # below it, for one level of calls
        .set PATIENCE, 32               # in 2^32 ticks of the time stamp counter: 46 s at 3 GHz

        .set DATA, 0x3f8                # the 8250: data, and line status with
        .set STATUS, 0x3fd
        .set RECEIVED, 0x01             # a byte waits
        .set FREE, 0x20                 # the transmitter takes one

        .set POWER_OFF, 0x04            # typed: off by ACPI, as QEMU's q35 has it after its firmware
        .set FLOOD, 0x06                # typed: print lines without end, until another byte comes
        .set RESET, 0x12                # typed: reset by the keyboard controller

# ELF header (System V ABI): 64-bit, little-endian, ET_EXEC, EM_X86_64, no sections.
file:   .ascii "\x7f" "ELF"
        .byte 2, 1, 1, 0
        .quad 0
        .short 2, 62
        .long 1
        .quad BASE + start - file       # entry
        .quad programs - file, 0
        .long 0
        .short 64, 56, 2, 64, 0, 0

programs:                               # PT_LOAD, all permissions: the whole file at BASE
        .long 1, 7
        .quad 0, BASE, BASE, end - file, end - file, 0x1000
        .long 4, 4                      # PT_NOTE
        .quad note - file, BASE + note - file, BASE + note - file
        .quad note_end - note, note_end - note, 4

note:   .long 4, 8, 18                  # XEN_ELFNOTE_PHYS32_ENTRY; QEMU reads its value as 8 bytes
        .asciz "Xen"
        .quad BASE + start - file
note_end:
        .balign 16, 0

put:    mov dx, STATUS                  # sends bl; changes al and dx
1:      in al, dx
        test al, FREE
        jz 1b
        mov dx, DATA
        mov al, bl
        out dx, al
        ret

reset:  mov dx, 0x64                    # pulse the reset line
        mov al, 0xfe
        out dx, al
halt:   hlt
        jmp halt

power_off:
        mov dx, 0x604                   # PM1a_CNT, where SeaBIOS puts it on q35
        mov ax, 0x2000                  # SLP_EN, SLP_TYP 0: S5
        out dx, ax
        jmp halt

start:  cld
        mov esp, STACK
        mov esi, BASE + line - file
1:      lodsb
        test al, al
        jz echo
        mov bl, al
        call put
        jmp 1b

flood:  mov bl, ' '                     # all printable characters, line by line
1:      call put
        inc bl
        cmp bl, 0x7f
        jne 1b
        mov bl, '\r'
        call put
        mov bl, '\n'
        call put
        mov dx, STATUS
        in al, dx
        test al, RECEIVED
        jz flood

echo:   rdtsc
        mov edi, edx
1:      pause
        mov dx, STATUS
        in al, dx
        test al, RECEIVED
        jnz 2f
        rdtsc
        sub edx, edi
        cmp edx, PATIENCE
        jb 1b
        jmp reset
2:      mov dx, DATA
        in al, dx
        cmp al, POWER_OFF
        je power_off
        cmp al, RESET
        je reset
        cmp al, FLOOD
        je flood
        mov bl, al
        call put
        jmp echo

line:   .asciz "smolvm-tui canary\r\n"
end:
