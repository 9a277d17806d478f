#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# git and make work on one mount; a second host sees what they made.
#
# Notes: the repository is the one that this checkout belongs to, or, in a tree
# without one, one of two commits made from it. git's own fsck, its status and
# make's opinion of what is out of date are the judges.
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

for program in git rsync make "${CC:-gcc}"; do
	command -v "$program" >/dev/null || {
		echo "$program is missing"
		exit 77
	}
done

root=$(cd "$(dirname "$0")/../.." && pwd)
A=$WORK/a
B=$WORK/b
repo=$root
export HOME=$WORK/home GIT_CONFIG_NOSYSTEM=1
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE MAKEFLAGS MAKELEVEL MFLAGS
mkdir "$HOME"
# The checkout may be somebody else's.
git config --global safe.directory '*'
git config --global user.name tester
git config --global user.email tester@example.org
git config --global advice.detachedHead false
git config --global init.defaultBranch main

# Sources alone: what lies in build/ and the like is left out.
make_repository() {
	repo=$WORK/made
	git init -q "$repo" &&
		tar -C "$root" --exclude=./build --exclude=./.git -cf - . |
		tar -C "$repo" -xf - &&
		git -C "$repo" add core docs && git -C "$repo" commit -qm one &&
		git -C "$repo" add . && git -C "$repo" commit -qm two
}

same_trees() {
	local out

	out=$(rsync -aHXn --checksum --delete --itemize-changes "$A/" "$B/") &&
		same "$out" ""
}

quiet() { # COMMAND...: says nothing
	local out

	out=$("$@" 2>&1) && same "$out" ""
}

check_out_older() {
	local older

	older=$(git -C "$A/clone" rev-list --max-count=30 HEAD | tail -n 1)
	git -C "$A/clone" checkout -q "$older" &&
		same "$(git -C "$B/clone" rev-parse HEAD)" "$older"
}

commit_on_other() {
	echo more >>"$B/clone/README.md" &&
		echo new >"$B/clone/new" && git -C "$B/clone" add new &&
		git -C "$B/clone" commit -qam "from the other side" &&
		same "$(git -C "$A/clone" log -1 --format=%s)" "from the other side" &&
		quiet git -C "$A/clone" status --porcelain
}

collect_garbage() {
	git -C "$A/clone" gc -q --prune=now &&
		git -C "$B/clone" fsck --full --strict --no-progress --no-dangling
}

need "a region" empty_region r 512M
need "first mount" mount_region r a
need "second mount" mount_region r b

git -C "$root" rev-parse -q --verify HEAD >/dev/null 2>&1 ||
	need "a repository" make_repository

t "git clone" git clone -q --no-hardlinks "$repo" "$A/clone"
t "git status on the other mount: clean" quiet git -C "$B/clone" status --porcelain
t "an older commit is checked out" check_out_older
t "git status on the other mount: clean" \
	quiet git -C "$B/clone" status --porcelain
t "back to the newest" git -C "$B/clone" checkout -q -
t "a commit by the other mount" commit_on_other
t "git gc on one, git fsck on the other" collect_garbage
t "git worktree" git -C "$A/clone" worktree add -q --detach "$A/tree" HEAD
t "git status in it: clean" quiet git -C "$B/tree" status --porcelain
t "the same trees" same_trees

# ---- make ----

unpack() {
	mkdir "$A/src" && git -C "$A/clone" archive HEAD | tar -C "$B/src" -xf -
}

built_once() {
	"$B/src/build/mkdaxfs" --version &&
		quiet make -s -C "$B/src" CFLAGS=-O0 tools
}

t "git archive into tar" unpack
t "make -j2 of the tools" make -s -j2 -C "$A/src" CFLAGS=-O0 tools
t "the other runs them, and make there has nothing to do" built_once
t "the same trees after make" same_trees
t "everything is removed" rm -r "$A/clone" "$A/tree" "$A/src"
t "and gone" only "$B"
t "unmount one" unmount "$A"
t "unmount the other" unmount "$B"
t "the region is clean" clean_region r
finish
