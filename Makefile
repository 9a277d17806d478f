# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Build, test and install daxfs: `make help` lists what there is.
#
# Notes: objects and programs go to build/ alone (build/asan and build/tsan
# with SAN=asan, SAN=tsan). New source files are picked up by wildcards; in a
# folder of programs each file with a main() becomes a program of its name,
# the other files are linked to all of them. Nothing here needs the network
# but `deps`.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
# mount(8) looks for helpers in /sbin alone; a private PREFIX keeps its own.
MOUNTDIR   ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin,$(SBINDIR))

# modprobe(8) reads those of /usr and of /usr/local.
MODPROBEDIR ?= $(PREFIX)/lib/modprobe.d
DOCDIR     ?= $(PREFIX)/share/doc/daxfs
UNITDIR    ?= $(PREFIX)/lib/systemd/system
# DKMS looks for sources there alone.
SRCDIR     ?= /usr/src

CC         ?= gcc
ARM64_CC   ?= aarch64-linux-gnu-gcc
OBJCOPY    ?= objcopy
INSTALL    ?= install
RELEASE    := 0.1.0
SOVERSION  := 1

SAN        ?=
B          := build$(if $(SAN),/$(SAN))
ALL        := build
NPROC      := $(shell nproc 2>/dev/null || echo 1)
# Use all processors unless the caller said how many.
PAR         = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(NPROC) -O)
Q          := $(if $(V),,@)
# Nothing is said of single files under -s.
SAY         = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,printf '  %-7s %s\n')

SAN_FLAGS_ :=
SAN_FLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=all \
	      -fno-omit-frame-pointer
# The core orders by fences too, which this compiler warns about under TSan.
SAN_FLAGS_tsan := -fsanitize=thread -Wno-tsan -fno-omit-frame-pointer
SAN_FLAGS  := $(SAN_FLAGS_$(SAN))
ifneq ($(SAN),)
ifeq ($(SAN_FLAGS),)
$(error SAN=$(SAN) is not known: use SAN=asan or SAN=tsan)
endif
endif

WARN       := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	      -Wmissing-prototypes
CFLAGS     ?= -O2 -g
BASE_FLAGS := -std=gnu11 $(WARN) -fPIC -fno-semantic-interposition \
	      -fvisibility=default -DDAXFS_RELEASE='"$(RELEASE)"' $(SAN_FLAGS)
INC        := -Iinclude -Icore -Iport/posix -Ilib

pc          = $(shell pkg-config $(1) 2>/dev/null)
LIBS_PC    := fuse3 json-c libarchive uuid yaml-0.1 zlib liburing libssl libcrypto inih
# json-c's own include folder has headers named debug.h and the like: sources
# say <json-c/json.h>, which needs no flag.
USER_INC   := $(call pc,--cflags fuse3) -Itools
USER_LIBS  := -Wl,--as-needed $(call pc,--libs $(LIBS_PC)) -pthread -lm
TEST_LIBS  := $(call pc,--libs cmocka)

obj         = $(patsubst %.c,$(B)/obj/%.o,$(1))
prog        = $(addprefix $(B)/,$(basename $(notdir $(1))))
with_main   = $(if $(1),$(shell grep -l '^int main\>' $(1)))
sources     = $(wildcard $(addsuffix /*.c,$(1)))

CORE_SRC   := $(call sources,core port port/posix)
LIB_SRC    := $(call sources,lib)
FUSE_SRC   := $(call sources,fuse)
CORE_A     := $(B)/obj/daxfs.a
# Core and library become one object, optimized as a whole, where the compiler
# is gcc and no sanitizer is in it (LTO= for none). Not so what touches bytes that
# others may change meanwhile, in port/posix: what was copied must not be read
# from where it came again, and a call that nothing sees into keeps that so.
LTO        ?= -flto=auto
LTO_FLAGS  := $(if $(SAN),,$(LTO))
LTO_SRC    := $(filter-out port/posix/%,$(CORE_SRC)) $(LIB_SRC)
LTO_O      := $(B)/obj/daxfs.o
LIB_OBJ     = $(call obj,$(filter port/posix/%,$(CORE_SRC))) \
	      $(if $(LTO_FLAGS),$(LTO_O),$(call obj,$(LTO_SRC)))
# What mkdaxfs alone needs, and with it libarchive.
TAR_SRC    := $(call sources,tools/tar)
TAR_A      := $(B)/obj/tar.a

# Folders of programs.
TOOL_DIRS  := tools famfs
TEST_DIRS  := tests/unit tests/posix tests/stress tests/fuse tests/scenario \
	      tests/tools tests/images tests/vm tests/famfs
BENCH_DIRS := bench
PROG_DIRS  := $(TOOL_DIRS) $(TEST_DIRS) $(BENCH_DIRS)

programs_in = $(call prog,$(foreach d,$(1),$(call with_main,$(call sources,$(d)))))
FUSE_PROGS := $(if $(FUSE_SRC),$(B)/daxfs-fuse $(B)/mount.fuse.daxfs)
TOOLS      := $(call programs_in,$(TOOL_DIRS)) $(FUSE_PROGS)
TESTS      := $(call programs_in,$(TEST_DIRS))
# bench_split.sh has its device and its JSON from the tests.
BENCHES    := $(call programs_in,$(BENCH_DIRS)) $(B)/fault_file $(B)/json_get
# The lock manager: a library of its own, and its tests, which need no region.
MXFS_SRC   := $(call sources,mxfsd/wire mxfsd/dlm)
MXFS_A     := $(B)/obj/mxfsd.a
MXFS_MAINS := $(call with_main,$(call sources,tests/mxfs))
TESTS      += $(call prog,$(MXFS_MAINS))
# Hostile input for what the daemon reads; the loop and the engine are the tests' own.
MXFUZZ_SRC := $(filter-out %/libfuzzer.c,$(call sources,tests/mxfs/fuzz))
MXFUZZ_DEP := mxfsd/daemon/config.c mxfsd/daemon/log.c mxfsd/control/control.c
TESTS      += $(B)/fuzz_mxfsd
# The daemon around it, the client's library, and their tool.
MXFSD_SRC  := $(call sources,mxfsd/daemon) mxfsd/control/control.c fuse/background.c
MXFSD_A    := $(B)/obj/mxfsd-daemon.a
MXFSD_LIBS := $(call pc,--libs libssl libcrypto inih uuid)
LIBMXFS_SRC := $(call sources,mxfsd/client) mxfsd/control/control.c \
	      mxfsd/wire/mode.c mxfsd/wire/wire.c mxfsd/wire/crc.c
MXFSCTL_SRC := $(call sources,mxfsd/ctl)
TOOLS      += $(B)/mxfsd $(B)/mxfsctl
LIBRARY    := $(if $(wildcard lib/libdaxfs.map),$(B)/libdaxfs.a \
	      $(B)/libdaxfs.so.$(SOVERSION) $(B)/libdaxfs.pc) \
	      $(B)/libmxfs.a $(B)/libmxfs.so.$(SOVERSION) $(B)/libmxfs.pc

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

##@ Use

.PHONY: all build
all: build ## build the tools and the library (the default)
build: have-deps
	+$(Q)$(MAKE) $(PAR) --no-print-directory tools library

.PHONY: help
help: ## list the targets
	@awk -f scripts/help.awk $(MAKEFILE_LIST)

.PHONY: deps deps-demo have-deps
deps: ## install what building and testing need (apt-get, only what is missing)
	@scripts/deps.sh build test
	@scripts/vm-kernels.sh 6.1 || [ $$? -eq 77 ]
deps-demo:
	@scripts/deps.sh build demo
have-deps:
	@pkg-config --exists $(LIBS_PC) || { \
	echo "Makefile: a library is missing (of $(LIBS_PC)): run 'make deps'" >&2; \
	exit 1; }

.PHONY: demo
demo: deps-demo ## one region, two hosts, for real (DIR=TREE: yours; KEEP=1: leave it mounted)
	@echo "building ..."
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory build
	@BUILD='$(abspath $(B))' scripts/demo.sh $(if $(DIR),'$(DIR)')

.PHONY: demo-branches
demo-branches: deps-demo ## five attempts at a failing test, each in a branch; one is kept (KEEP=1)
	@echo "building ..."
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory build
	@BUILD='$(abspath $(B))' scripts/demo-branches.sh

.PHONY: demo-famfs
demo-famfs: deps-demo ## an owner makes files on memory, two clients check them (KEEP=1)
	@echo "building ..."
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory build
	@BUILD='$(abspath $(B))' scripts/demo-famfs.sh

.PHONY: demo-dlm
demo-dlm: deps-demo ## three daemons, locks, a death, no majority
	@echo "building ..."
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory build
	@BUILD='$(abspath $(B))' scripts/demo-dlm.sh

.PHONY: kernel kernel-sparse
kernel: ## build daxfs.ko (KDIR=HEADERS of another kernel than the running one; KOUT=FOLDER)
	+@MAKE='$(MAKE) $(PAR)' V='$(V)' scripts/kernel-build.sh '$(KDIR)' '$(KOUT)'
kernel-sparse: ## the same under sparse, which has to find nothing
	+@MAKE='$(MAKE) $(PAR)' scripts/kernel-build.sh '$(KDIR)' '$(KOUT)' sparse

.PHONY: install
install: build ## install to PREFIX (/usr/local) under DESTDIR
	@DESTDIR='$(DESTDIR)' BINDIR='$(BINDIR)' SBINDIR='$(SBINDIR)' \
	LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' MANDIR='$(MANDIR)' \
	MOUNTDIR='$(MOUNTDIR)' MODPROBEDIR='$(MODPROBEDIR)' DOCDIR='$(DOCDIR)' \
	UNITDIR='$(UNITDIR)' BUILD='$(B)' \
	SOVERSION=$(SOVERSION) INSTALL='$(INSTALL)' scripts/install.sh

.PHONY: install-dkms
install-dkms: ## put the module's sources to /usr/src and have DKMS build it
	@DESTDIR='$(DESTDIR)' SRCDIR='$(SRCDIR)' RELEASE=$(RELEASE) \
	INSTALL='$(INSTALL)' scripts/install-dkms.sh

.PHONY: clean
clean: ## remove build/
	rm -rf build

##@ Test

.PHONY: check check-long check-build
check: deps ## install what is needed, build, and pass all tests
	@echo "building ..."
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory check-build
	+@MAKE='$(MAKE)' scripts/run-tests.sh check
# An hour unless told otherwise. The shell has a variable of that name.
SECONDS    ?= 3600
unexport SECONDS
check-long: deps ## all of it, multiplied, for about SECONDS=3600
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory check-build
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory SAN=tsan tests
	+@MAKE='$(MAKE)' scripts/check-long.sh $(SECONDS) $(SEED)
check-build: have-deps tools library tests sim benches freestanding guest-modules
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory SAN=asan tools tests fuzzers \
	build/asan/sim/test_noise
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory SAN=tsan build/tsan/stress_core

.PHONY: check-programs
check-programs: ## Debian and PostgreSQL on mounts; needs root and the network
	@scripts/deps.sh build test programs
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory tools tests
	@scripts/run-tests.sh programs

# The module for kernels of build/vm. There are none where guests cannot be
# had: their tests say why they are skipped.
GUEST_KERNELS ?= 6.1
guest-modules: have-deps
	+$(Q)for k in $(GUEST_KERNELS); do [ ! -d build/vm/$$k ] || \
	$(MAKE) -s --no-print-directory kernel KDIR='$(CURDIR)'/build/vm/$$k/kdir \
	KOUT=build/kernel/$$k || exit; done

.PHONY: guest-modules check-vm check-vm-debug
check-vm: deps ## guests at length, with Debian's kernel and that of its backports
	@scripts/vm-kernels.sh 6.12
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory check-build
	+$(Q)$(MAKE) -s guest-modules GUEST_KERNELS='6.1 6.12'
	@scripts/run-tests.sh vm-long vm-6.12
check-vm-debug: deps ## guests with the kernel of DAXFS_DEBUG_KERNEL, which checks itself
	@scripts/vm-kernels.sh debug || [ $$? -eq 77 ]
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory check-build
	+$(Q)$(MAKE) -s guest-modules GUEST_KERNELS=debug
	@scripts/run-tests.sh vm-debug

.PHONY: check-mutations
check-mutations: have-deps ## put deliberate faults into copies of the tree: each test must fail
	@MAKE='$(MAKE)' scripts/check-mutations.sh

.PHONY: lint
lint: freestanding $(MXFS_A) ## the rules of the house: freestanding core, one resolver, form
	@scripts/lint.sh
	@scripts/lint-core.sh $(ALL)/freestanding
	@scripts/lint-atomics.sh
	@scripts/lint-mxfs.sh $(ALL)/obj/mxfsd

.PHONY: arm64
arm64: ## compile core, port and library for arm64, without a warning

.PHONY: bench bench-quick deps-bench
deps-bench:
	@scripts/deps.sh build bench
bench: deps-bench ## measure beside the peers (ROUNDS=N); CSV, drawings and facts to docs/bench
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory tools benches
	@BUILD='$(abspath $(B))' scripts/bench.sh $(if $(ROUNDS),--rounds '$(ROUNDS)') \
	--out '$(or $(OUT),docs/bench)'
bench-quick: have-deps ## the same in a few seconds: shows that it runs
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory tools benches
	@BUILD='$(abspath $(B))' scripts/bench.sh --quick

.PHONY: tools library tests sim benches freestanding fuzzers
tools: $(TOOLS)
library: $(LIBRARY)
tests: have-deps tools $(TESTS)
benches: $(BENCHES)

# ---- objects ----

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE_FLAGS) $(INC) $(DIR_INC) $(OBJ_FLAGS) -MMD -MP \
	-c $< -o $@

$(call obj,$(FUSE_SRC)): DIR_INC := $(USER_INC) -Ifuse
$(call obj,$(TAR_SRC)): DIR_INC := $(USER_INC) -Itools/tar
$(foreach d,$(PROG_DIRS),$(eval $(call obj,$(call sources,$(d))): \
	DIR_INC := $(USER_INC) -I$(d)))

# famfs is no part of the library: its tests get it as a folder of their own.
$(call obj,$(call sources,tests/famfs)): DIR_INC := $(USER_INC) -Itests/famfs -Ifamfs

$(call obj,$(LTO_SRC)): OBJ_FLAGS := $(LTO_FLAGS)

$(LTO_O): $(call obj,$(LTO_SRC))
	$(SAY) LTO $@
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(LTO_FLAGS) -flinker-output=nolto-rel -r \
	-nostdlib -o $@ $^

$(CORE_A): $(LIB_OBJ)
	$(SAY) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(TAR_A): $(call obj,$(TAR_SRC))
	$(SAY) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# ---- programs ----

WHOLE      := -Wl,--whole-archive,
NOT_WHOLE  := ,--no-whole-archive
LINK = $(Q)$(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS)

# $(1): source with main(); $(2): archive of the folder's other sources, taken
# whole, because test cases may register themselves; $(3): libraries
define program
$(call prog,$(1)): $(call obj,$(1)) $(2) $(call extra,$(1)) $(CORE_A)
	$$(SAY) LD $$@
	$$(LINK) -o $$@ $(call obj,$(1)) $(if $(2),$(WHOLE)$(2)$(NOT_WHOLE)) \
	$(call extra,$(1)) $(CORE_A) $(3) $$(USER_LIBS)
endef
extra       = $(if $(filter tools/mkdaxfs.c,$(1)),$(TAR_A)) \
	      $(if $(filter tests/famfs/%,$(1)),$(B)/obj/famfs/helpers.a) \
	      $(if $(filter famfs/% tests/famfs/%,$(1)),$(call obj,tools/common.c)) \
	      $(if $(filter bench/mxfs_%,$(1)),$(MXFSD_A) $(MXFS_A))
# $(1): folder
helper_src = $(filter-out $(call with_main,$(call sources,$(1))),$(call sources,$(1)))
helper_a   = $(if $(helper_src),$(B)/obj/$(1)/helpers.a)
define helpers
$(B)/obj/$(1)/helpers.a: $(call obj,$(call helper_src,$(1)))
	$$(Q)rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
# $(1): folder; $(2): libraries
programs = $(eval $(call helpers,$(1)))$(foreach m,$(call with_main,$(call \
	sources,$(1))),$(eval $(call program,$(m),$(call helper_a,$(1)),$(2))))

CMOCKA_DIRS := tests/unit tests/famfs
$(foreach d,$(filter-out $(CMOCKA_DIRS),$(PROG_DIRS)),$(call programs,$(d)))
$(foreach d,$(CMOCKA_DIRS),$(call programs,$(d),$(TEST_LIBS)))

$(B)/daxfs-fuse: $(call obj,$(FUSE_SRC)) $(CORE_A)
	$(SAY) LD $@
	$(LINK) -o $@ $^ $(USER_LIBS)

# The helper of mount(8) is the same program under another name.
$(B)/mount.fuse.daxfs: $(B)/daxfs-fuse
	$(Q)ln -sf daxfs-fuse $@

# ---- the lock manager ----

MXFS_INC   := -Imxfsd/wire -Imxfsd/dlm -Imxfsd/control
MXFS_HELP  := $(filter-out $(MXFS_MAINS),$(call sources,tests/mxfs))
MXFS_OBJ   := $(call obj,$(MXFS_SRC) $(MXFS_HELP) $(MXFS_MAINS))
$(MXFS_OBJ): DIR_INC := $(MXFS_INC) -Imxfsd/client -Imxfsd/daemon -Ifuse -Itests/mxfs

$(MXFS_A): $(call obj,$(MXFS_SRC))
	$(SAY) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(call prog,$(MXFS_MAINS)): $(B)/%: $(B)/obj/tests/mxfs/%.o $(call obj,$(MXFS_HELP)) \
		$(MXFSD_A) $(MXFS_A)
	$(SAY) LD $@
	$(LINK) -o $@ $^ -Wl,--as-needed $(TEST_LIBS) $(MXFSD_LIBS)

$(call obj,$(MXFUZZ_SRC)): DIR_INC := $(MXFS_INC) -Imxfsd/daemon -Itests/mxfs/fuzz
$(B)/fuzz_mxfsd: $(call obj,$(MXFUZZ_SRC) $(MXFUZZ_DEP)) $(MXFS_A)
	$(SAY) LD $@
	$(LINK) -o $@ $^ -Wl,--as-needed $(MXFSD_LIBS)

$(call obj,$(addprefix bench/mxfs_,ops.c core.c kernel.c)): DIR_INC += $(MXFS_INC) -Imxfsd/client
$(call obj,$(MXFSD_SRC)): DIR_INC := $(MXFS_INC) -Imxfsd/daemon -Ifuse
$(call obj,$(LIBMXFS_SRC) $(MXFSCTL_SRC)): DIR_INC := $(MXFS_INC) -Imxfsd/client

$(MXFSD_A): $(call obj,$(filter-out mxfsd/daemon/main.c,$(MXFSD_SRC)) \
		$(call sources,mxfsd/client))
	$(SAY) AR $@
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/mxfsd: $(call obj,mxfsd/daemon/main.c) $(MXFSD_A) $(MXFS_A)
	$(SAY) LD $@
	$(LINK) -o $@ $^ -Wl,--as-needed $(MXFSD_LIBS)

$(B)/mxfsctl: $(call obj,$(MXFSCTL_SRC) $(LIBMXFS_SRC))
	$(SAY) LD $@
	$(LINK) -o $@ $^ -Wl,--as-needed $(call pc,--libs json-c)

# ---- libraries ----

# $(1): name; $(2): objects; $(3): map of what is exported; $(4): libraries
define a_library
$(B)/$(1).so.$(SOVERSION): $(2) $(3)
	$$(SAY) LD $$@
	$$(LINK) -shared -o $$@ $(2) -Wl,-soname,$(1).so.$(SOVERSION) \
	-Wl,--version-script=$(3) -Wl,-Bsymbolic-functions -Wl,-z,defs $(4)
	$$(Q)ln -sf $(1).so.$(SOVERSION) $(B)/$(1).so

# One object whose global names are those that the shared library exports.
$(B)/$(1).a: $(2) $(3)
	$$(SAY) AR $$@
	$$(Q)$$(CC) -r -nostdlib -o $(B)/obj/$(1).o $(2)
	$$(Q)sed -n '/global:/,/local:/s/^[[:space:]]*\([a-z]*_[a-z0-9_*]*\);.*/\1/p' \
	$(3) >$(B)/obj/$(1).names
	$$(Q)$$(OBJCOPY) --wildcard --keep-global-symbols=$(B)/obj/$(1).names \
	$(B)/obj/$(1).o
	$$(Q)rm -f $$@
	$$(Q)$$(AR) rcs $$@ $(B)/obj/$(1).o

# Anew each time: PREFIX may be another.
.PHONY: $(B)/$(1).pc
$(B)/$(1).pc: packaging/$(1).pc.in
	$$(Q)mkdir -p $$(@D)
	$$(Q)sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(RELEASE)|g' $$< >$$@
endef
$(eval $(call a_library,libdaxfs,$(LIB_OBJ),lib/libdaxfs.map,$$(USER_LIBS)))
$(eval $(call a_library,libmxfs,$(call obj,$(LIBMXFS_SRC)),mxfsd/client/libmxfs.map))

# ---- the same core over other ports ----

SIM_DIR    := $(B)/sim
SIM_OBJ     = $(patsubst %.c,$(SIM_DIR)/obj/%.o,$(1))
SIM_TESTS  := $(call with_main,$(call sources,tests/sim))
SIM_SHARED := $(call sources,core port port/sim) \
	      $(filter-out $(SIM_TESTS),$(call sources,tests/sim))
SIM_PROGS  := $(patsubst tests/sim/%.c,$(SIM_DIR)/%,$(SIM_TESTS))
sim: $(SIM_PROGS)

$(SIM_DIR)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (sim)"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE_FLAGS) -Iinclude -Icore -Iport/sim \
	-Itests/sim -MMD -MP -c $< -o $@

$(SIM_PROGS): $(SIM_DIR)/%: $(SIM_DIR)/obj/tests/sim/%.o $(call SIM_OBJ,$(SIM_SHARED))
	$(SAY) LD $@
	$(LINK) -o $@ $^ -lz -pthread

# The core over the port of tests/fuzz: watched, and repeatable.
FUZZ_SRC   := $(call sources,tests/fuzz)
FUZZ_INC   := -Iinclude -Icore -Itests/fuzz/port -Itests/fuzz
FUZZ_CORE  := $(call sources,core port)
FUZZ_OBJ    = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(FUZZ_CORE) $(FUZZ_SRC)) \
	      $(B)/obj/port/posix/port.o
fuzzers: $(B)/fuzz/fuzz_region
$(B)/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (fuzz)"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE_FLAGS) $(FUZZ_INC) -MMD -MP -c $< -o $@
$(B)/fuzz/fuzz_region: $(FUZZ_OBJ)
	$(SAY) LD $@
	$(LINK) -o $@ $^ -lz -pthread

# The same target for libFuzzer, which has a main() of its own.
LIBFUZZER  := build/libfuzzer
FUZZ_CC    ?= clang
FUZZ_SECONDS ?= 60
LF_FLAGS   := -O1 -g -Wno-incompatible-pointer-types \
	      -fsanitize=address,undefined -fno-sanitize-recover=all
LF_SRC     := $(FUZZ_CORE) $(call sources,port/posix) \
	      $(filter-out $(call with_main,$(FUZZ_SRC)),$(FUZZ_SRC))
LF_OBJ     := $(patsubst %.c,$(LIBFUZZER)/obj/%.o,$(LF_SRC))
$(LIBFUZZER)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (libFuzzer)"
	$(Q)$(FUZZ_CC) -std=gnu11 $(LF_FLAGS) -fsanitize=fuzzer-no-link \
	$(if $(filter port/posix/%,$<),-Iinclude -Iport/posix,$(FUZZ_INC)) -MMD -MP -c $< -o $@
$(LIBFUZZER)/fuzz_region: $(LF_OBJ)
	$(SAY) LD $@
	$(Q)$(FUZZ_CC) $(LF_FLAGS) -fsanitize=fuzzer -o $@ $^ -lz -pthread

# The lock manager's target.
LF_MXFS    := $(patsubst %.c,$(LIBFUZZER)/mxfs/%.o,$(MXFS_SRC) tests/mxfs/fuzz_target.c)
# What the daemon reads: configurations, and the control socket.
LF_MXFSD   := $(filter-out %/main.c,$(MXFUZZ_SRC)) $(MXFUZZ_DEP) $(MXFS_SRC)
$(LIBFUZZER)/mxfs/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (libFuzzer)"
	$(Q)$(FUZZ_CC) -std=gnu11 $(LF_FLAGS) -fsanitize=fuzzer-no-link -Imxfsd/wire \
	-Imxfsd/dlm -Itests/mxfs $(LF_MXFS_INC) -MMD -MP -c $< -o $@
LF_MXFS_INC := -Imxfsd/control -Imxfsd/daemon -Itests/mxfs/fuzz
$(LIBFUZZER)/mxfs/entry-conf.o $(LIBFUZZER)/mxfs/entry-control.o: \
$(LIBFUZZER)/mxfs/entry-%.o: tests/mxfs/fuzz/libfuzzer.c Makefile
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 $(LF_FLAGS) -DFUZZ_TARGET=fuzz_$* -Itests/mxfs/fuzz \
	-MMD -MP -c $< -o $@
$(LIBFUZZER)/fuzz_mxfs: $(LF_MXFS)
	$(SAY) LD $@
	$(Q)$(FUZZ_CC) $(LF_FLAGS) -fsanitize=fuzzer -o $@ $^
LF_READS   := $(addprefix $(LIBFUZZER)/fuzz_mxfsd_,conf control)
$(LF_READS): $(LIBFUZZER)/fuzz_mxfsd_%: $(LIBFUZZER)/mxfs/entry-%.o \
		$(patsubst %.c,$(LIBFUZZER)/mxfs/%.o,$(LF_MXFSD))
	$(SAY) LD $@
	$(Q)$(FUZZ_CC) $(LF_FLAGS) -fsanitize=fuzzer -o $@ $^ $(MXFSD_LIBS)

deps-fuzz:
	@scripts/deps.sh build fuzz
.PHONY: fuzz fuzz-mxfs deps-fuzz
fuzz-mxfs: deps-fuzz ## the lock manager's messages, configuration and control socket, likewise
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory $(LIBFUZZER)/fuzz_mxfs
	@mkdir -p $(LIBFUZZER)/corpus-mxfs
	$(LIBFUZZER)/fuzz_mxfs -max_total_time=$(FUZZ_SECONDS) -timeout=30 \
	-max_len=4096 -artifact_prefix=$(LIBFUZZER)/ $(LIBFUZZER)/corpus-mxfs
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory $(LF_READS)
	@mkdir -p $(LIBFUZZER)/corpus-conf $(LIBFUZZER)/corpus-control
	@cp packaging/mxfsd.conf $(LIBFUZZER)/corpus-conf/example
	$(LIBFUZZER)/fuzz_mxfsd_conf -max_total_time=$(FUZZ_SECONDS) -timeout=30 \
	-max_len=4096 -dict=tests/mxfs/fuzz/conf.dict -artifact_prefix=$(LIBFUZZER)/ \
	$(LIBFUZZER)/corpus-conf tests/mxfs/fuzz/conf
	$(LIBFUZZER)/fuzz_mxfsd_control -max_total_time=$(FUZZ_SECONDS) -timeout=30 \
	-max_len=4096 -artifact_prefix=$(LIBFUZZER)/ $(LIBFUZZER)/corpus-control \
	tests/mxfs/fuzz/control
fuzz: deps-fuzz ## feed hostile regions to the core for FUZZ_SECONDS (60), by libFuzzer
	+$(Q)$(MAKE) -s $(PAR) --no-print-directory $(LIBFUZZER)/fuzz_region
	@mkdir -p $(LIBFUZZER)/corpus
	$(LIBFUZZER)/fuzz_region -max_total_time=$(FUZZ_SECONDS) -timeout=30 \
	-max_len=1024 -artifact_prefix=$(LIBFUZZER)/ $(LIBFUZZER)/corpus \
	tests/fuzz/corpus tests/images/found

FREE_OBJ   := $(patsubst core/%.c,$(B)/freestanding/%.o,$(call sources,core))
freestanding: $(FREE_OBJ)
$(B)/freestanding/%.o: core/%.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (freestanding)"
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pie -fno-stack-protector \
	-Iinclude -Icore -Iport/posix -MMD -MP -c $< -o $@

# Headers of libraries come from this machine: nothing is linked.
HOST_INC   := -idirafter /usr/include \
	      -idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
ARM64_OBJ  := $(patsubst %.c,build/arm64/%.o,$(CORE_SRC) $(LIB_SRC))
arm64: $(ARM64_OBJ)
build/arm64/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC "$< (arm64)"
	$(Q)$(ARM64_CC) -std=gnu11 -O2 -g $(WARN) -fPIC -DDAXFS_RELEASE='"$(RELEASE)"' \
	$(INC) $(HOST_INC) -MMD -MP -c $< -o $@

-include $(shell find $(B) -name '*.d' 2>/dev/null)
