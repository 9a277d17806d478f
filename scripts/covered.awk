# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the logs of tests say was covered, summed: one line per kind.
#
# Notes: understands the lines of the simulator ("ok   NAME: 12 crash points,
# 60 courses"), of the models, of the stress programs, of fuzzing and of the
# mutations. A figure that says how much at most is no sum and is left out.

function add(kind, nr) {
	if (nr !~ /^[0-9]+$/)
		return
	if (!(kind in sum))
		order[++kinds] = kind
	sum[kind] += nr
}

# "12 crash points" -> add("crash points", 12)
function add_part(text, where,    nr) {
	sub(/^ +/, "", text)
	if (text !~ /^[0-9]+ [a-z]/ || text ~ /longest|most|close$/)
		return
	nr = text
	sub(/ .*/, "", nr)
	sub(/^[0-9]+ /, "", text)
	add(where text, nr)
}

# The number right before the words.
function before(words,    text) {
	text = $0
	if (!sub(" " words ".*", "", text))
		return
	sub(/.* /, "", text)
	return text
}

FILENAME ~ /\/sim(-[a-z0-9]+)?_/ && /^ok   .*: [0-9]/ {
	text = $0
	sub(/^ok   .*: /, "", text)
	parts = split(text, part, ", ")
	for (i = 1; i <= parts; i++)
		add_part(part[i], "simulator: ")
}

FILENAME ~ /model/ && /no error in [0-9]+ states/ {
	add("models: states", before("states"))
	add("models: explored without an error", 1)
}
FILENAME ~ /model/ && /fails, as it must/ { add("models: faults found", 1) }

/^ok [0-9]+ hosts of [0-9]+ threads, / {
	add("stress: operations of hosts and threads", before("operations,"))
	add("stress: hosts killed", before("killed,"))
}
/^ok [0-9]+ operations by [0-9]+ hosts/ {
	add("stress: operations of churn", $2)
}
/^ok [0-9]+ kills of [0-9]+ servers: / {
	add("FUSE: servers killed", $2)
	add("FUSE: killed inside an operation", before("inside an operation"))
	add("FUSE: killed with a record under way",
	    before("of them with a record"))
	add("FUSE: killed as they recovered another",
	    before("as they recovered another"))
}
/^ok [0-9]+ steps of [0-9]+ workers; / { add("FUSE: steps of workers", $2) }
/^ok [0-9]+ times unmounted and clean/ { add("FUSE: times clean for fsck", $2) }

/^ok fsx: [0-9]+ operations through / {
	add("exercisers: operations on one file", $3)
}
/^ok fsstress: [0-9]+ processes, / {
	add("exercisers: operations on a tree", $3 * $5)
}

/^seed [0-9]+: [0-9]+ inputs / && !/of famfs/ {
	add("fuzzing: inputs", before("inputs"))
	add("fuzzing: bytes flipped", before("bytes flipped"))
	add("fuzzing: calls", before("calls"))
}

/^seed [0-9]+: [0-9]+ inputs of famfs/ {
	add("famfs: hostile media and texts", before("inputs of famfs"))
	add("famfs: entries of them played", before("entries played"))
}
/^ok [0-9]+ kills of an owner: / { add("famfs: owners killed in an append", $2) }
/^[0-9]+ steps, [0-9]+ looks$/ { add("famfs: looks of clients", $3) }

/^[0-9]+ caught, [0-9]+ survived$/ {
	add("mutations: caught", $1)
	add("mutations: survived", $3)
}

END {
	for (i = 1; i <= kinds; i++)
		printf "covered: %s: %d\n", order[i], sum[order[i]]
}
