# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The rules that a line, or a function, can be held to; for lint.sh.
#
# Notes: prints "RULE<tab>FILE:LINE: what is wrong". RULE "note" is told, not
# counted. Plain awk (mawk does). Comments and strings are blanked before the
# rules about code look; string and comment syntax is that of C.

function found(rule, what)
{
	printf "%s\t%s:%d: %s\n", rule, FILENAME, FNR, what
}

# The line without comments and without the content of strings.
function code_of(line,    out, c, two, i, n)
{
	out = ""
	n = length(line)
	for (i = 1; i <= n; i++) {
		c = substr(line, i, 1)
		two = substr(line, i, 2)
		if (in_comment) {
			if (two == "*/") {
				in_comment = 0
				i++
			}
		} else if (in_string != "") {
			if (c == "\\")
				i++
			else if (c == in_string) {
				in_string = ""
				out = out c
			}
		} else if (two == "/*") {
			in_comment = 1
			i++
		} else if (two == "//") {
			break
		} else {
			if (c == "\"" || c == "'")
				in_string = c
			out = out c
		}
	}
	in_string = ""
	return out
}

function columns(line,    i, n, col)
{
	if (index(line, "\t") == 0)
		return length(line)
	col = 0
	n = length(line)
	for (i = 1; i <= n; i++)
		col = substr(line, i, 1) == "\t" ? col + 8 - col % 8 : col + 1
	return col
}

function end_of_file()
{
	if (last_file != "" && wants_spdx && !spdx)
		printf "spdx\t%s:1: no SPDX-License-Identifier in the first three lines\n",
			last_file
}

function rules_of_core(code, raw,    name)
{
	if (code ~ /__KERNEL__/)
		found("core-includes", "__KERNEL__: environments differ in the port alone")
	if (raw ~ /^#[ \t]*include/) {
		name = raw
		sub(/^#[ \t]*include[ \t]*/, "", name)
		sub(/[ \t]*(\/\*.*)?$/, "", name)
		if (name != "<daxfs/format.h>" && name !~ /^"[a-z0-9_]+\.h"$/)
			found("core-includes",
			      name " is not the core's, port.h or <daxfs/format.h>")
	}
	if (code ~ /(^|[^a-z_])(volatile|typedef[ \t]+(struct|union|enum))[^a-z_]/)
		found("core-words", "no volatile, and no typedef for a struct, in the core")
}

FNR == 1 {
	end_of_file()
	last_file = FILENAME
	spdx = 0
	in_comment = 0
	in_string = ""
	is_c = FILENAME ~ /\.[ch]$/
	is_core = FILENAME ~ /^\.\/core\/[^\/]*\.[ch]$/
	wants_spdx = FILENAME !~ /\.md$/
	is_port = FILENAME ~ /^\.\/port\//
	is_text = FILENAME !~ /(LICENSES\/|tests\/images\/)/
	own_rule = FILENAME ~ /scripts\/lint\.awk$/
	head = ""
	start = 0
}

FNR <= 3 && /SPDX-License-Identifier: / { spdx = 1 }

is_text {
	# Only long lines are measured exactly: it is a loop over characters.
	if ((length($0) > 100 || index($0, "\t")) && length($0) > 40 &&
	    FILENAME !~ /\.(md|pml)$/ && columns($0) > 100)
		found("columns", columns($0) " columns, at most 100")
	if ($0 ~ /[ \t]$/ && FILENAME !~ /\.md$/)
		found("blanks", "blanks at the end of the line")
	if (!own_rule && $0 ~ /(^|[^a-zA-Z0-9_.$}*])\/(work|home|root|Users)\/[a-zA-Z0-9_.]/)
		found("paths", "an absolute path of some machine")
	if (!own_rule && $0 ~ /\.\.\/shared/)
		found("paths", "refers to something outside the repository")
}

is_c {
	code = code_of($0)
	if (is_core)
		rules_of_core(code, $0)
	if (FILENAME !~ /^\.\/(port\/|tests\/|include\/daxfs\/format\.h)/ &&
	    code ~ /(\.|->)raw([^a-z0-9_]|$)/)
		found("raw", "shared words are touched through the port alone")
	if (is_core && FILENAME !~ /\/(region\.c|core\.h)$/ &&
	    code ~ /((->|\.)base[ \t]*[+[]|\+[ \t]*[a-z_]+(->|\.)base([^a-z0-9_]|$))/)
		found("resolver", "adds to the base: daxfs_at() is the one resolver")
	if (start && !is_port && code ~ /^#[ \t]*(if|ifdef|ifndef|elif)/)
		found("ifdef", "conditional code inside a function")
}

is_c && /^[a-zA-Z_].*\(/ && !start { head = $0 }
is_c && /^{/ && head != "" { start = FNR }
is_c && /^}/ && start {
	len = FNR - start + 1
	sub(/\(.*/, "", head)
	sub(/.*[ *]/, "", head)
	if (len > 100)
		found("functions", head "() has " len " lines, at most 100")
	else if (len > 50)
		found("note", head "() has " len " lines, more than 50")
	start = 0
	head = ""
}

END { end_of_file() }
