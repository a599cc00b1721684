#!/usr/bin/env python3
"""Plays the guest on a serial line, which is its standard input and output.

usage: guest flood PAYLOAD BYTES TIMES    after the first key writes the file over and over, then the marker
       guest echo                         writes back what it reads
       guest chat PAYLOAD RATE            writes RATE bytes a second, in eight pieces, until it is ended
"""
import array
import contextlib
import os
import select
import sys
import time
import tty

# Of a character that no payload has, so that a program which draws only what changed draws all of it.
MARKER = b"~" * 11

# A guest writes no more at once.
PIECE = 1 << 16


def write(data):
    while data:
        data = data[os.write(1, data):]


def flood(payload, size, times):
    """When a key came meanwhile, when each piece began to be written, and the end go to the file
    TIMES, in nanoseconds of the monotonic clock."""
    with open(payload, "rb") as file:
        data = file.read()
    pieces = [data[at:at + PIECE] for at in range(0, len(data), PIECE)]
    write(b"\x1b[2J\x1b[H")
    os.read(0, 1)
    began, written, key = array.array("Q"), 0, 0
    while written < size:
        for piece in pieces:
            began.append(time.monotonic_ns())
            if not key and select.select([0], [], [], 0)[0]:
                os.read(0, 1)
                key = time.monotonic_ns()
            write(memoryview(piece))
            written += len(piece)
            if written >= size:
                break
    began.append(time.monotonic_ns())
    write(b"\x1b[0m\r\n" + MARKER + b"\r\n")
    with open(times + ".new", "wb") as file:
        array.array("Q", [key]).tofile(file)
        began.tofile(file)
    os.rename(times + ".new", times)
    # Who plays on a terminal would end the program that shows it.
    while os.read(0, 4096):
        pass


def chat(payload, rate):
    with open(payload, "rb") as file:
        data = file.read()
    piece, at, due = rate // 8, 0, time.monotonic()
    while True:
        write(memoryview(data)[at:at + piece])
        at = (at + piece) % (len(data) - piece)
        due += 1 / 8
        time.sleep(max(0, due - time.monotonic()))


def echo():
    while data := os.read(0, 4096):
        write(data)


def main():
    if os.isatty(0):
        tty.setraw(0)
    word, *rest = sys.argv[1:]
    with contextlib.suppress(OSError):  # the line hung up
        if word == "flood":
            flood(rest[0], int(rest[1]), rest[2])
        elif word == "chat":
            chat(rest[0], int(rest[1]))
        else:
            echo()


if __name__ == "__main__":
    main()
