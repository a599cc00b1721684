// The canary for arm64: what `canary-x86_64.s` is, as an `Image` of `Documentation/arch/arm64/
// booting.rst`, which QEMU's `virt` and Firecracker both take. Entered at EL1 with the MMU off and
// the device tree in x0.
//
// The tree tells the serial line: a node `uart@ADDRESS` is Firecracker's 16550, and where there is
// none it is the PL011 of `virt`. It ends by PSCI. Like the other it busies one CPU while it waits,
// and ends by itself when nothing comes for long.
//
// `scripts/canary` makes `canary-aarch64` of it. There is nothing to link, so that every assembler
// makes the same. What the 16550 is reached by was seen in QEMU with a changed tree only.

        .text

        .set PATIENCE, 45               // seconds

        .set PL011, 0x09000000          // QEMU's virt: data at 0, with
        .set FLAGS, 0x18
        .set EMPTY, 4                   // bit: nothing was received
        .set FULL, 5                    // bit: the transmitter takes none
        .set LINE_CONTROL, 0x2c
        .set CONTROL, 0x30
        .set LINE_STATUS, 5             // the 16550: data at 0, with
        .set RECEIVED, 0                // bit: a byte waits
        .set FREE, 5                    // bit: the transmitter takes one

        .set POWER_OFF, 0x04            // typed: off
        .set FLOOD, 0x06                // typed: print lines without end, until another byte comes
        .set RESET, 0x12                // typed: reset

image:  b start
        .long 0
        .quad 0                         // from the kernel's base
        .quad 0x1000                    // what it takes of memory
        .quad 8                         // little-endian, wherever there is room
        .quad 0, 0, 0
        .ascii "ARM\x64"
        .long 0

// x19: the UART; w20: 0 for a PL011, 1 for a 16550.

put:    cbnz w20, 2f                    // sends w1; changes w2
1:      ldr w2, [x19, FLAGS]
        tbnz w2, FULL, 1b
        b 3f
2:      ldrb w2, [x19, LINE_STATUS]
        tbz w2, FREE, 2b
3:      strb w1, [x19]
        ret

waits:  cbnz w20, 1f                    // w0: whether a byte waits
        ldr w0, [x19, FLAGS]
        mvn w0, w0
        ubfx w0, w0, EMPTY, 1
        ret
1:      ldrb w0, [x19, LINE_STATUS]
        ubfx w0, w0, RECEIVED, 1
        ret

start:  ldr w2, [x0, 4]                 // the tree's size, big-endian
        rev w2, w2
        add x2, x0, x2
        movz w3, 0x6175                 // "uart": names of nodes are aligned
        movk w3, 0x7472, lsl 16
        mov w20, 0
1:      cmp x0, x2
        b.hs pl011
        ldr w4, [x0], 4
        cmp w4, w3
        b.ne 1b
        ldrb w4, [x0]
        cmp w4, '@'
        b.ne 1b
        mov x19, 0
2:      ldrb w4, [x0, 1]!
        cbz w4, 4f
        sub w5, w4, '0'
        cmp w5, 10
        b.lo 3f
        sub w5, w4, 'a' - 10
3:      add x19, x5, x19, lsl 4
        b 2b
4:      mov w20, 1
        b greet

pl011:  movz w19, PL011 >> 16, lsl 16
        mov w1, 0x70                    // 8 bits, with its FIFOs
        str w1, [x19, LINE_CONTROL]
        mov w1, 0x301                   // on, both ways
        str w1, [x19, CONTROL]

greet:  adr x3, line
1:      ldrb w1, [x3], 1
        cbz w1, echo
        bl put
        b 1b

flood:  mov w1, ' '                     // all printable characters, line by line
1:      bl put
        add w1, w1, 1
        cmp w1, 0x7f
        b.ne 1b
        mov w1, '\r'
        bl put
        mov w1, '\n'
        bl put
        bl waits
        cbz w0, flood

echo:   mrs x5, cntfrq_el0
        mov x6, PATIENCE
        mul x5, x5, x6
        mrs x6, cntvct_el0
        add x5, x5, x6
1:      yield
        bl waits
        cbnz w0, 2f
        mrs x6, cntvct_el0
        cmp x6, x5
        b.lo 1b
        b reset
2:      ldrb w1, [x19]
        cmp w1, POWER_OFF
        b.eq power_off
        cmp w1, RESET
        b.eq reset
        cmp w1, FLOOD
        b.eq flood
        bl put
        b echo

power_off:
        mov w0, 8                       // PSCI SYSTEM_OFF
        b call
reset:  mov w0, 9                       // PSCI SYSTEM_RESET
call:   movk w0, 0x8400, lsl 16
        hvc 0
halt:   wfi
        b halt

line:   .asciz "smolvm-tui canary\r\n"
