# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# List the targets of a Makefile that carry a "## text".
#
# Notes: "##@ Title" starts a group.
/^##@ / { printf "\n%s:\n", substr($0, 5); next }
/^[a-z0-9-]+:.* ## / {
	target = $0
	sub(/:.*/, "", target)
	text = $0
	sub(/.* ## /, "", text)
	printf "  make %-12s %s\n", target, text
}
END {
	print "\nVariables: V=1 shows commands; SAN=asan or SAN=tsan builds with a sanitizer;"
	print "PREFIX, DESTDIR, BINDIR, SBINDIR, LIBDIR, MANDIR, MOUNTDIR say where to install."
}
