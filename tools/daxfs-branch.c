// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * daxfs-branch: make, list, commit and take away branches of a region.
 *
 * Notes: options and dispatch, and the verbs that are one call; the other files named
 * branch_*.c do the rest. Exit: 0 done, 1 failed, 2 wrong usage, 3 lost against
 * another branch.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "branch.h"

static const char usage_text[] =
"usage: daxfs-branch create NAME -p PARENT {-r REGION | --from MNT} [-m DIR]\n"
"       daxfs-branch list {-r REGION | -m MNT}\n"
"       daxfs-branch status [NAME] {-r REGION | -m MNT}\n"
"       daxfs-branch diff [NAME [OTHER]] {-r REGION | -m MNT}\n"
"       daxfs-branch commit {-m MNT | -r REGION -b BRANCH} [--if-head N]\n"
"       daxfs-branch abort {-m MNT | -r REGION -b BRANCH}\n"
"       daxfs-branch checkpoint|rollback NAME {-m MNT | -r REGION -b BRANCH}\n"
"       daxfs-branch exec -p PARENT {-r REGION | --from MNT}\n"
"                         [--commit-on-success] -- CMD [ARG]...\n"
"\n"
"  create         a child of PARENT, as that is now; PARENT is frozen then\n"
"  list, status   what there is, who shows it, and in which state\n"
"  diff           what NAME has, and OTHER, or its parent, has not, or differently\n"
"  commit         make the branch, with those above it, main; all others end\n"
"  abort          end the branch, and the one above it that is a child of main,\n"
"                 with all below that\n"
"  checkpoint     remember the branch as it is now\n"
"  rollback       let it be as it was at that checkpoint\n"
"  exec           run CMD in a new branch, and commit that if CMD succeeds\n"
"\n"
"  -r, --region REGION      the region: a file, /dev/daxX.Y, /dev/pmemN,\n"
"                           phys:ADDR:SIZE\n"
"  -m, --mountpoint MNT     a mount, and the branch that it shows; create:\n"
"                           mount the new branch at DIR\n"
"      --from MNT           the region of that mount\n"
"  -b, --branch BRANCH      the branch, with -r\n"
"  -p, --parent PARENT      a branch, or main (otherwise main, or what MNT of\n"
"                           --from shows)\n"
"      --keep               it stays also after its last unmount\n"
"  -o, --options OPTION     of the mount: for daxfs-fuse, allow_other and others;\n"
"                           for the kernel module, if MNT of --from is its\n"
"      --if-head N          only if main still has that number (see status)\n"
"      --commit-on-success  otherwise the branch is given up in any case\n"
"      --name NAME          of the branch of exec\n"
"  -j, --json               print JSON: create, list, status, diff\n"
"  -h, --help               print this\n"
"  -V, --version            print the version\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong usage, 3 lost: the branch has ended, or\n"
"another one was committed first.\n";

#define usage_error(...) daxfs_tool_usage_error(BRANCH_USAGE, __VA_ARGS__)

enum {
	OPT_FROM = 256, OPT_KEEP, OPT_IF_HEAD, OPT_COMMIT, OPT_NAME,
};

static const struct option long_options[] = {
	{ "region",	required_argument, NULL, 'r' },
	{ "mountpoint",	required_argument, NULL, 'm' },
	{ "from",	required_argument, NULL, OPT_FROM },
	{ "branch",	required_argument, NULL, 'b' },
	{ "parent",	required_argument, NULL, 'p' },
	{ "keep",	no_argument, NULL, OPT_KEEP },
	{ "options",	required_argument, NULL, 'o' },
	{ "if-head",	required_argument, NULL, OPT_IF_HEAD },
	{ "commit-on-success", no_argument, NULL, OPT_COMMIT },
	{ "name",	required_argument, NULL, OPT_NAME },
	{ "json",	no_argument, NULL, 'j' },
	{ "help",	no_argument, NULL, 'h' },
	{ "version",	no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

/* ---- verbs of one call ---- */

/* Names of branches that have ended are soon forgotten: was it --if-head's? */
static int has_moved(const struct branch *br, const struct branch_access *a)
{
	struct daxfs_ioc_branch main = { .id = 0 };

	return br->if_head && !branch_call(a, DAXFS_IOC_BRANCH_INFO, &main) &&
	       main.head != br->if_head;
}

static int operate(const struct branch *br, unsigned int cmd, const char *point)
{
	struct daxfs_ioc_branch_op op = { .if_head = br->if_head };
	struct daxfs_ioc_branch b = { .id = 0 };
	struct branch_access a;
	int status = branch_open(&a, br, 0), r;

	if (status)
		return status;
	status = has_moved(br, &a) ?
		 branch_failed(&a, br->verb, br->branch, -ESTALE) :
		 branch_find(&a, br->verb, br->branch, &b);
	op.id = b.id;
	if (!status && point && strlen(point) >= sizeof(op.name)) {
		status = branch_failed(&a, br->verb, point, -EINVAL);
	} else if (!status) {
		strcpy(op.name, point ? point : "");
		r = branch_call(&a, cmd, &op);
		if (r)
			status = branch_failed(&a, br->verb, r == -ENOENT ||
					       r == -EEXIST ? point : b.name, r);
	}
	branch_close(&a);
	return status;
}

static int commit(const struct branch *br)
{
	return operate(br, DAXFS_IOC_BRANCH_COMMIT, NULL);
}

static int abort_branch(const struct branch *br)
{
	return operate(br, DAXFS_IOC_BRANCH_ABORT, NULL);
}

static int checkpoint(const struct branch *br)
{
	return operate(br, DAXFS_IOC_BRANCH_CHECKPOINT, br->name);
}

static int rollback(const struct branch *br)
{
	return operate(br, DAXFS_IOC_BRANCH_ROLLBACK, br->name);
}

/* ---- usage ---- */

#define NAME_MUST	1u	/* it has an operand */
#define NAME_MAY	2u
#define MAKES		4u	/* -p, --from, --keep, -o; -m is where to mount */
#define JSON		8u
#define ONE		16u	/* it is about a branch: -m, or -r and -b */
#define RUNS		32u	/* a command follows */
#define HEAD		64u
#define TWO		128u	/* it may have a second operand */

static const struct verb {
	const char *name;
	int (*run)(const struct branch *br);
	unsigned int has;
} verbs[] = {
	{ "create",	branch_create,	NAME_MUST | MAKES | JSON },
	{ "list",	branch_list,	JSON },
	{ "status",	branch_status,	NAME_MAY | JSON },
	{ "diff",	branch_diff,	NAME_MAY | TWO | JSON },
	{ "commit",	commit,		ONE | HEAD },
	{ "abort",	abort_branch,	ONE },
	{ "checkpoint",	checkpoint,	ONE | NAME_MUST },
	{ "rollback",	rollback,	ONE | NAME_MUST },
	{ "exec",	branch_exec,	MAKES | RUNS | HEAD },
};

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	usage_error("'%s' is not a command", name);
}

struct given {			/* options that do not say all by themselves */
	const char *mnt, *from, *name;
};

static void number_option(u64 *to, const char *option, const char *arg)
{
	if (daxfs_tool_parse_u64(arg, to) || !*to)
		usage_error("%s: %s: not a number of main; daxfs-branch status "
			    "main prints it", option, arg);
}

static void rare_option(struct branch *br, struct given *g, int c)
{
	switch (c) {
	case OPT_FROM:
		g->from = optarg;
		break;
	case OPT_KEEP:
		br->keep = 1;
		break;
	case OPT_IF_HEAD:
		number_option(&br->if_head, "--if-head", optarg);
		break;
	case OPT_COMMIT:
		br->commit = 1;
		break;
	case OPT_NAME:
		g->name = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(daxfs_tool_flush() ? BRANCH_FAILED : BRANCH_OK);
	case 'V':
		daxfs_tool_version();
		exit(daxfs_tool_flush() ? BRANCH_FAILED : BRANCH_OK);
	default:
		usage_error("wrong option");
	}
}

/* What belongs to the command that exec runs is not ours. */
static void parse_options(int argc, char **argv, struct branch *br, struct given *g,
			  int stop_early)
{
	const char *shorts = stop_early ? "+r:m:b:p:o:jhV" : "r:m:b:p:o:jhV";
	int c;

	while ((c = getopt_long(argc, argv, shorts, long_options, NULL)) != -1) {
		switch (c) {
		case 'r':
			br->region = optarg;
			break;
		case 'm':
			g->mnt = optarg;
			break;
		case 'b':
			br->branch = optarg;
			break;
		case 'p':
			br->parent = optarg;
			break;
		case 'o':
			br->option = optarg;
			break;
		case 'j':
			br->json = 1;
			break;
		default:
			rare_option(br, g, c);
		}
	}
}

static void check_making(const struct verb *v, struct branch *br,
			 const struct given *g)
{
	if (!br->region == !g->from)
		usage_error("%s: name the region: one of -r REGION, --from MNT",
			    v->name);
	if (br->branch)
		usage_error("%s: -b is for -r of other commands; a parent is -p",
			    v->name);
	br->mnt = g->from;
	br->mountpoint = g->mnt;
	if (!br->parent && br->region)
		br->parent = "main";
	if (v->has & RUNS) {
		if (g->mnt)
			usage_error("exec mounts where it likes; leave out -m");
		if (br->keep)
			usage_error("exec gives its branch up, or commits it; leave "
				    "out --keep");
		br->name = g->name;
	} else if (br->option && !br->mountpoint) {
		usage_error("-o is for the mount of -m DIR");
	}
}

static void check_place(const struct verb *v, struct branch *br, const struct given *g)
{
	if (!br->region == !g->mnt)
		usage_error("%s: name the region: one of -r REGION, -m MNT", v->name);
	if (g->from || br->parent || br->keep || br->option)
		usage_error("%s: --from, -p, --keep and -o are for making branches",
			    v->name);
	br->mnt = g->mnt;
	if (br->branch && (!br->region || !(v->has & ONE)))
		usage_error("%s: -b goes with -r, to say which branch", v->name);
	if ((v->has & ONE) && br->region && !br->branch)
		usage_error("%s: -r needs -b BRANCH", v->name);
	if ((v->has & NAME_MAY) && br->region && !br->name)
		usage_error("%s: -r needs the NAME of a branch", v->name);
}

static void check_usage(const struct verb *v, struct branch *br,
			const struct given *g, int args)
{
	if ((v->has & NAME_MUST) && !args)
		usage_error("%s needs a NAME", v->name);
	if ((v->has & RUNS) && !args)
		usage_error("exec needs a command: -- CMD [ARG]...");
	if (!(v->has & RUNS) && args > !!(v->has & (NAME_MUST | NAME_MAY)) +
				       !!(v->has & TWO))
		usage_error("%s: too many arguments", v->name);
	if (br->json && !(v->has & JSON))
		usage_error("%s has no --json", v->name);
	if (br->if_head && !(v->has & HEAD))
		usage_error("--if-head belongs to commit and exec");
	if (br->commit && !(v->has & RUNS))
		usage_error("--commit-on-success belongs to exec");
	if (br->if_head && (v->has & RUNS) && !br->commit)
		usage_error("--if-head needs --commit-on-success");
	if (g->name && !(v->has & RUNS))
		usage_error("--name belongs to exec");
	if (v->has & MAKES)
		check_making(v, br, g);
	else
		check_place(v, br, g);
}

int main(int argc, char **argv)
{
	struct branch br = { .if_head = 0 };
	struct given g = { NULL, NULL, NULL };
	const struct verb *v = NULL;
	int status;

	daxfs_tool_init("daxfs-branch");
	if (argc > 1 && argv[1][0] != '-') {
		v = find_verb(argv[1]);
		argc--;
		argv++;
	}
	parse_options(argc, argv, &br, &g, v && (v->has & RUNS));
	if (!v)
		usage_error("name a command first: create, list, ...");
	br.verb = v->name;
	if (!(v->has & RUNS) && optind < argc)
		br.name = argv[optind];
	if (v->has & TWO && optind + 1 < argc)
		br.other = argv[optind + 1];
	br.cmd = argv + optind;
	check_usage(v, &br, &g, argc - optind);
	status = v->run(&br);
	if (daxfs_tool_flush() && !status)
		status = BRANCH_FAILED;
	return status;
}
