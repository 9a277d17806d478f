#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# daxfs-branch and what daxfs-inspect says of branches: usage, messages, JSON.
#
# Notes: without mounts but for a few that need one; what mounts show is tested in
# tests/fuse/branches.sh and tests/scenario/branches.sh.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

R=$SHM/r
M=$WORK/m
mkdir "$M" "$WORK/dir"

json() { # POINTER COMMAND...
	local pointer=$1
	shift
	"$@" | json_get "$pointer"
}

is() { # VALUE POINTER COMMAND...
	local want=$1
	shift
	same "$(json "$@")" "$want"
}

names() { # of the branches that there are, in the order of the tree
	daxfs-branch list -r "$R" | awk 'NR > 2 { print $1 }' | tr '\n' ' '
}

# ---- usage ----

B=daxfs-branch
says_version() {
	"$1" --version | grep -q 'daxfs-branch (daxfs) [0-9]' &&
		"$1" list --help | grep -q '^usage: daxfs-branch create'
}
t "help and version" says_version $B
t "no command" refuses 2 "name a command" $B
t "options first" refuses 2 "name a command" $B -r x list
t "unknown command" refuses 2 "'frob' is not" $B frob -r x
t "unknown option" refuses 2 "frob" $B list --frob
t "list without a region" refuses 2 "-r REGION, -m MNT" $B list
t "list of two regions" refuses 2 "one of" $B list -r x -m y
t "list of one branch" refuses 2 "-b goes with" $B list -r x -b y
t "list with a name" refuses 2 "too many" $B list a -r x
t "create without a name" refuses 2 "needs a NAME" $B create -r x
t "create without a region" refuses 2 "name the region" $B create n
t "create on a mount only" refuses 2 "name the region" $B create n -m x
t "create with -b" refuses 2 "a parent is -p" $B create n -r x -b y
t "create, two names" refuses 2 "too many" $B create a b -r x
t "create -o without -m" refuses 2 "-o is for" $B create a -r x -o ro
t "create --if-head" refuses 2 "belongs to commit" $B create a -r x --if-head 1
t "create --commit-on-success" refuses 2 "belongs to exec" \
	$B create a -r x --commit-on-success
t "status of a region alone" refuses 2 "needs the NAME" $B status -r x
for verb in commit abort; do
	t "$verb of a region alone" refuses 2 "needs -b" $B $verb -r x
	t "$verb -m and -b" refuses 2 "-b goes with -r" $B $verb -m x -b y
	t "$verb with a name" refuses 2 "too many" $B $verb a -m x
	t "$verb --json" refuses 2 "no --json" $B $verb -m x --json
	t "$verb --from" refuses 2 "for making" $B $verb -m x --from y
done
for verb in checkpoint rollback; do
	t "$verb without a name" refuses 2 "needs a NAME" $B $verb -m x
	t "$verb of a region alone" refuses 2 "needs -b" $B $verb p -r x
done
for n in 0 -1 x ""; do
	t "--if-head '$n'" refuses 2 "not a number of main" $B commit -m x --if-head "$n"
done
t "exec without a command" refuses 2 "needs a command" $B exec -r x
t "exec without a region" refuses 2 "name the region" $B exec -- true
t "exec -m" refuses 2 "leave out -m" $B exec -r x -m y -- true
t "exec --keep" refuses 2 "leave out --keep" $B exec -r x --keep -- true
t "exec --if-head alone" refuses 2 "needs --commit-on-success" \
	$B exec -r x --if-head 3 -- true
t "a full standard output" refuses 1 "standard output" \
	bash -c 'daxfs-branch list --help >/dev/full'

# ---- what is no region, or has no branches ----

need "a region without branches" empty_region plain 64M
t "no such region" refuses 1 "$SHM/none" $B list -r "$SHM/none"
t "no such mount" refuses 1 "$WORK/none.*no such" $B list -m "$WORK/none"
t "no mount of daxfs" refuses 1 "not a mount of daxfs" $B list -m "$WORK/dir"
head -c 1000000 /dev/zero >"$SHM/zeros"
t "not a region" refuses 1 "$SHM/zeros" $B create a -r "$SHM/zeros"
t "list without branches" refuses 1 "without mkdaxfs -b" $B list -r "$SHM/plain"
t "create without branches" refuses 1 "without mkdaxfs -b" $B create a -r "$SHM/plain"
t "inspect without branches" refuses 1 "without mkdaxfs -b" \
	daxfs-inspect branches -r "$SHM/plain"
t "status without branches" is false /branching \
	daxfs-inspect status --json -r "$SHM/plain"
mkdir "$WORK/tree" && echo 1 >"$WORK/tree/f"
t "a static image" bash -c "mkdaxfs -q -d '$WORK/tree' -o '$SHM/image'"
t "... has none" refuses 1 "without mkdaxfs -b" $B list -r "$SHM/image"

# ---- branches ----

need "a region" mkdaxfs -q -b -d "$WORK/tree" -r "$R" -s 64M
t "an empty list" same "$(names)" ""
t "... as JSON" is 0 '#/branches' $B list -r "$R" --json
t "status has branching" is true /branching daxfs-inspect status --json -r "$R"
t "... and none active" is 0 /branches/active daxfs-inspect status --json -r "$R"
t "status of main" is main /name $B status main -r "$R" --json

made=$($B create one -p main -r "$R" --json)
t "create --json: the name" same "$(json_get /name <<<"$made")" one
t "... the parent" same "$(json_get /parent <<<"$made")" 0
t "... nobody shows it" same "$(json_get /state <<<"$made")" orphaned
t "create the default child" $B create two -r "$R"
t "create of a branch" $B create one.a -p one -r "$R"
t "create --keep" $B create one.b -p one -r "$R" --keep
t "the tree" same "$(names)" "one one.a one.b two "
t "... with depths" same "$(json /branches/0/depth $B list -r "$R" --json),$(json \
	/branches/1/depth $B list -r "$R" --json)" "1,2"
t "... as daxfs-inspect has it" is one.b /branches/2/name \
	daxfs-inspect branches -r "$R" --json
t "a parent is frozen" is frozen /state $B status one -r "$R" --json
t "... and has children" is 2 /children $B status one -r "$R" --json
t "a child names it" same "$($B status one.a -r "$R" | awk '/^parent/ { print $2 }')" one
t "one to be kept" is kept /state $B status one.b -r "$R" --json
t "four active" is 4 /branches/active daxfs-inspect status --json -r "$R"

t "the same name" refuses 1 "two.*taken" $B create two -r "$R"
t "no such parent" refuses 1 "nix.*none of that name" $B create x -p nix -r "$R"
t "no such branch" refuses 1 "nix.*none of that name" $B commit -r "$R" -b nix
t "main cannot be committed" refuses 1 "main.*parent only" $B commit -r "$R" -b main
t "main cannot be aborted" refuses 1 "main.*parent only" $B abort -r "$R" -b main
long=$(printf '%064d' 0)
for n in "" main a/b "a b" $'a\n' "$long"; do
	t "a bad name: ${n@Q}" refuses 1 "1 to 63 bytes" $B create "$n" -r "$R"
	t "... of a checkpoint" refuses 1 "1 to 63 bytes" \
		$B checkpoint "$n" -r "$R" -b two
done
t "63 bytes" $B create "${long:1}" -r "$R"
t "... abort" $B abort -r "$R" -b "${long:1}"

t "checkpoint" $B checkpoint p -r "$R" -b two
t "... again" refuses 1 "'?p'?: the name is taken" $B checkpoint p -r "$R" -b two
t "... is a layer" is 2 /layers $B status two -r "$R" --json
t "rollback" $B rollback p -r "$R" -b two
t "... to nothing" refuses 1 "rollback q.*none" $B rollback q -r "$R" -b two
t "checkpoint with children" refuses 1 "has children" $B checkpoint p -r "$R" -b one

at_least() { [ -n "$2" ] && [ "$2" -ge "$1" ]; }
size_of() { # BRANCH WHERE...: of the first of the list
	local list

	list=$($B list "${@:2}" --json)
	[ "$(json_get /branches/0/name <<<"$list")" = "$1" ] &&
		json_get /branches/0/size <<<"$list"
}

# ---- winning and losing ----

head_of() { json /head $B status main -r "$R" --json; }
h=$(head_of)
t "--if-head of another main" refuses 3 "lost" \
	$B commit -r "$R" -b one.a --if-head $((h + 1))
t "--if-head" $B commit -r "$R" -b one.a --if-head "$h"
t "main has moved" bash -c "[ $(head_of) -ne $h ]"
t "all others have ended" same "$(names)" ""
t "... which is known of them" refuses 3 "two: lost" $B commit -r "$R" -b two
t "... and not of others" refuses 1 "nix.*none of that name" $B commit -r "$R" -b nix
t "... certain to be lost" refuses 3 "lost" $B commit -r "$R" -b two --if-head "$h"
t "abort takes all below the top" bash -c "
	$B create a -r $R && $B create b -p a -r $R && $B create c -r $R &&
	$B abort -r $R -b b"
t "... and no other" same "$(names)" "c "
t "abort the other" $B abort -r "$R" -b c

# ---- mounts ----

t "-m that is no directory" refuses 1 "$R.*not a directory" $B create a -r "$R" -m "$R"
t "-m that is not there" refuses 1 "no such" $B create a -r "$R" -m "$WORK/none"
t "a mount that fails" refuses 1 "so there is no branch" \
	$B create a -r "$R" -m "$M" -o nonsense
t "... leaves nothing" same "$(names)" ""
t "... unless it is to be kept" bash -c "
	! $B create a -r $R -m $M -o nonsense --keep && [ '$(names)' = '' ]"
t "... then it is there" same "$(names)" "a "
t "abort it" $B abort -r "$R" -b a

t "create -m" $B create a -r "$R" -m "$M"
t "status of the mount" is a /name $B status -m "$M" --json
t "it is live" is live /state $B status -m "$M" --json
t "hosts say what they show" is a /hosts/0/branch daxfs-inspect hosts --json -r "$R"
t "a size" at_least 0 "$(size_of a -r "$R")"
head -c 1000000 /dev/zero >"$M/big"
t "... which grows with what is written" at_least 1000000 "$(size_of a -r "$R")"
t "... is known by the mount, too" at_least 1000000 "$(size_of a -m "$M")"
t "... as text" bash -c "$B list -r $R |
	awk '\$1 == \"a\" && \$4 > 976 && \$5 == \"KiB\" { f = 1 } END { exit !f }'"
t "... by daxfs-inspect" at_least 1000000 "$(daxfs-inspect branches -r "$R" --json |
	json_get /branches/0/size)"
t "... main's" at_least 4096 "$(json /main_size $B list -r "$R" --json)"
rm "$M/big"
t "list by the mount" is a /branches/0/name $B list -m "$M" --json
t "create --from: a child of it" $B create b --from "$M"
t "... is one" same "$($B status b -r "$R" | awk '/^parent/ { print $2 }')" a
t "checkpoint by the mount" refuses 1 "has children" $B checkpoint p -m "$M"
t "commit by the mount" refuses 3 "lost" $B commit -m "$M" --if-head 99
t "... for good" $B commit -m "$M"
t "... it shows main now" is main /name $B status -m "$M" --json
t "... and cannot be committed again" refuses 1 "parent only" $B commit -m "$M"
t "unmount" unmount "$M"
t "create and mount" $B create d -r "$R" -m "$M"
t "abort by the mount" $B abort -m "$M"
t "... it is dead" refuses 3 "has ended" $B status -m "$M"
t "unmount" unmount "$M"

# ---- exec ----

x() { TMPDIR=$WORK $B exec -r "$R" "$@"; }
as_told() {
	# shellcheck disable=SC2016 # of the command
	x --name e -- sh -c '[ "$PWD" = "$DAXFS_BRANCH_DIR" ] && [ "$DAXFS_BRANCH" = e ] &&
		[ -e f ] && echo 2 >g && [ -e "$DAXFS_BRANCH_DIR/g" ]'
}
t "a command runs in its branch" as_told
t "... which is given up" same "$(daxfs-inspect ls -r "$R")" "f"
t "--commit-on-success" x --commit-on-success -- sh -c 'echo 2 >g'
t "... keeps it" same "$(daxfs-inspect cat -r "$R" /g)" 2
t "a command that fails" refuses 1 "exit status 7" \
	x --commit-on-success -- sh -c 'echo 3 >g; exit 7'
t "a command that is killed" refuses 1 "ended by signal 15" \
	x --commit-on-success -- sh -c 'echo 3 >g; kill $$'
t "a command that is not there" refuses 1 "cannot run /none" x -- /none
t "... change nothing" same "$(daxfs-inspect cat -r "$R" /g)" 2
t "another commit is faster" refuses 3 "lost" x --commit-on-success -- \
	$B exec -r "$R" --commit-on-success -- sh -c 'echo 4 >h'
t "--if-head" refuses 3 "lost" x --commit-on-success --if-head 12345 -- true
t "its own abort" refuses 3 "lost" x --commit-on-success -- sh -c "$B abort -m ."
t "a name that is taken" bash -c "$B create e -r $R && ! $B exec -r $R --name e -- true"
t "a parent" refuses 1 "none of that name" x -p nix -- true
t "TMPDIR that is not there" refuses 1 "TMPDIR" env TMPDIR=/none $B exec -r "$R" -- true
t "abort the last" $B abort -r "$R" -b e
t "no branch is left" same "$(names)" ""
t "no mount is left" same "$(mounts_below "$WORK")" ""
t "no directory is left" same "$(find "$WORK" -maxdepth 1 -name 'daxfs-branch*')" ""
t "the region is clean" clean_region r
finish
