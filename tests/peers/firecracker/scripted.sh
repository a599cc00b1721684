#!/bin/sh
# The scripted Firecracker, with the variables in the file beside the link by which this is called: a
# VMM gets an empty environment. A link, because a program that a test writes itself may be busy when
# it is run: another test's child can still hold it open for writing.
set -eu
. "${0%/*}/firecracker.env"
exec "$SCRIPTED_FC_PROGRAM" "$@"
