# SPDX-License-Identifier: GPL-2.0-or-later
#
# make                 kferry and kferryd, release build, in build/release/
# make check           installs what is missing, then runs every test (sanitizers on)
# make check-fast      the tests that need no virtual machine
# make check-long      make check, and what takes longer: every fault on every boot chain
# make check-tsan      what several threads share, under ThreadSanitizer
# make demo            a kernel from source to a verdict on a virtual board
# make agent-static    kferryd as one static binary, for putting on boards; for those of
#                      another processor with ARCH=arm64 or ARCH=armhf
# make agents          the static binary for each of them
# make bench           figures against other tools, a table; ROWS=a,b for some
# make bench-check     instructions of the hot paths against a baseline; bench-baseline
# make fuzz-smoke      each fuzzer for FUZZ_SECONDS
# make format-check lint install uninstall clean
#
# Variables: V=1 shows commands; SAN=none turns sanitizers off in the tests;
# CC=clang; PREFIX, DESTDIR.

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/kferry
LIBEXECDIR ?= $(PREFIX)/libexec/kferry
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
UNITDIR ?= $(PREFIX)/lib/systemd/system

VARIANT ?= release
SAN ?= address,undefined
O := build/$(VARIANT)

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wconversion -Wno-sign-conversion -Wundef -Wpointer-arith -Wwrite-strings
ifeq ($(WERROR),1)
WARN += -Werror
endif
HARDEN := -fstack-protector-strong -fPIE
CPPFLAGS += -D_GNU_SOURCE -I. -Ibuild/gen
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(SYSROOT_LDFLAGS) $(LDFLAGS)

ifeq ($(VARIANT),release)
CPPFLAGS += -D_FORTIFY_SOURCE=2
CPPFLAGS += -DKF_DATADIR='"$(DATADIR)"' -DKF_LIBEXECDIR='"$(LIBEXECDIR)"'
endif
ifneq ($(filter check check-%,$(VARIANT)),)
CFLAGS = -O1 -g -fno-omit-frame-pointer
CPPFLAGS += -DKF_TESTING
ifeq ($(filter check-% none,$(VARIANT) $(SAN)),)
CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SAN)
endif
endif
ifeq ($(VARIANT),tsan)
CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=thread
CPPFLAGS += -DKF_TESTING
LDFLAGS += -fsanitize=thread
endif
ifeq ($(VARIANT),fuzz)
CC := clang
CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LDFLAGS += -fsanitize=fuzzer,address,undefined
endif

COMMON_LIBS := libuv libprotobuf-c libarchive libzstd libsodium
CONTROLLER_LIBS := libssh inih jansson libpcre2-8 libxml-2.0 sqlite3
# Of these no header is meant for the rest of the controller.
MAIL_LIBS := libcurl gmime-3.0 ncursesw
PKG_CFLAGS := $(shell pkg-config --cflags $(COMMON_LIBS) $(CONTROLLER_LIBS) 2>/dev/null)
COMMON_LDLIBS = $(shell pkg-config --libs $(COMMON_LIBS)) -lpthread
# The agent reads initramfs archives member by member, below libarchive's filters.
AGENT_LDLIBS = $(shell pkg-config --libs zlib liblzma) $(COMMON_LDLIBS)
CONTROLLER_LDLIBS = $(shell pkg-config --libs $(CONTROLLER_LIBS) $(MAIL_LIBS))

include agent/cross.mk

BASE_SRC := $(wildcard proto/base/*.c)
PROTO_SRC := $(wildcard proto/*.c)
AGENT_SRC := $(wildcard agent/*.c agent/*/*.c agent/*/*/*.c)
CONTROLLER_SRC := $(wildcard controller/*.c controller/*/*.c controller/*/*/*.c)
GEN_OBJ := $(O)/gen/kferry.pb-c.o
COMMON_OBJ := $(BASE_SRC:%.c=$(O)/%.o) $(PROTO_SRC:%.c=$(O)/%.o) $(GEN_OBJ)
AGENT_OBJ := $(AGENT_SRC:%.c=$(O)/%.o)
CONTROLLER_OBJ := $(CONTROLLER_SRC:%.c=$(O)/%.o)
AGENT_LIB_OBJ := $(filter-out $(O)/agent/main.o,$(AGENT_OBJ))
CONTROLLER_LIB_OBJ := $(filter-out $(O)/controller/main.o,$(CONTROLLER_OBJ))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all kferry kferryd
all: kferry kferryd
kferry: $(O)/kferry
kferryd: $(O)/kferryd

# Generated messages: warnings are protoc-c's business, not ours.
build/gen/kferry.pb-c.c: proto/kferry.proto
	$(call say,GEN,$@)
	@mkdir -p build/gen
	$(Q)protoc-c --proto_path=proto --c_out=build/gen proto/kferry.proto
build/gen/kferry.pb-c.h: build/gen/kferry.pb-c.c

# Objects are made anew when what is compiled into them changes: compiler, flags, prefix.
$(O)/flags: FORCE | $(O)
	$(file >$@.new,$(CC) $(CFLAGS) $(HARDEN) $(CPPFLAGS) $(PKG_CFLAGS))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
.PHONY: FORCE
FORCE:
$(O):
	@mkdir -p $@

$(O)/gen/kferry.pb-c.o: build/gen/kferry.pb-c.c $(O)/flags | $(SYSROOT)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(HARDEN) $(CFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) -w -MMD -MP -c -o $@ $<

$(O)/%.o: %.c $(O)/flags | build/gen/kferry.pb-c.h $(SYSROOT)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS) $(PKG_CFLAGS) $(OWN_CFLAGS) -MMD -MP -c -o $@ $<

MAIL_OBJ := $(addprefix $(O)/controller/,mail/fetch.o mail/letter.o mail/message.o \
	cmd/patches_screen.o)
$(MAIL_OBJ): private OWN_CFLAGS := $(shell pkg-config --cflags $(MAIL_LIBS) 2>/dev/null)

$(O)/kferry: $(CONTROLLER_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(CONTROLLER_LDLIBS) $(COMMON_LDLIBS)

# The static variants have a rule of its own, in agent/static.mk.
ifeq ($(filter static static-%,$(VARIANT)),)
$(O)/kferryd: $(AGENT_OBJ) $(COMMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(AGENT_LDLIBS)
endif

include tests/tests.mk
include agent/static.mk

-include $(shell find build -name '*.d' 2>/dev/null)

# --- install --------------------------------------------------------------------------

MAN_SRC := $(wildcard docs/man/*.scd)
MAN := $(MAN_SRC:docs/man/%.scd=build/man/%)
build/man/%: docs/man/%.scd
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)scdoc < $< > $@
# The keys are those of the program: its table takes the place of the line @KEYS@.
build/man/kferry.ini.5: docs/man/kferry.ini.5.scd $(O)/kferry
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent $(O)/kferry config keys --man > $@.keys
	$(Q)sed -e '/^@KEYS@$$/{r $@.keys' -e 'd}' $< | scdoc > $@

.PHONY: man install uninstall clean
man: $(MAN)

install: all man install-agents
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DATADIR)/boards $(DESTDIR)$(DATADIR)/suites \
		$(DESTDIR)$(DATADIR)/agent $(DESTDIR)$(DATADIR)/patterns $(DESTDIR)$(LIBEXECDIR)
	install -m 755 build/release/kferry $(DESTDIR)$(BINDIR)/kferry
	install -m 755 build/release/kferryd $(DESTDIR)$(SBINDIR)/kferryd
	install -m 644 agent/units/* $(DESTDIR)$(DATADIR)/agent/
	install -m 644 boards/*.ini $(DESTDIR)$(DATADIR)/boards/
	install -m 644 suites/*.ini $(DESTDIR)$(DATADIR)/suites/
	install -m 644 controller/log/patterns/*.patterns $(DESTDIR)$(DATADIR)/patterns/
	install -m 755 controller/vm/debian-guest.sh $(DESTDIR)$(LIBEXECDIR)/debian-guest.sh
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	build/release/kferry completion bash > $(DESTDIR)$(BASHDIR)/kferry
	build/release/kferry completion zsh > $(DESTDIR)$(ZSHDIR)/_kferry
	build/release/kferry completion fish > $(DESTDIR)$(FISHDIR)/kferry.fish
	for m in $(notdir $(MAN)); do \
		install -D -m 644 build/man/$$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/kferry $(DESTDIR)$(SBINDIR)/kferryd
	rm -f $(DESTDIR)$(BASHDIR)/kferry $(DESTDIR)$(ZSHDIR)/_kferry $(DESTDIR)$(FISHDIR)/kferry.fish
	rm -rf $(DESTDIR)$(DATADIR) $(DESTDIR)$(LIBEXECDIR)
	for m in $(notdir $(MAN)); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done

clean:
	rm -rf build
