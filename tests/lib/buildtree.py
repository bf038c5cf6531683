# SPDX-License-Identifier: GPL-2.0-or-later
"""
A tree of three small sources that a real compiler compiles, below a makefile that prints as
the kernel's does and writes down what it was called with.
"""

import os
import pathlib

MAKEFILE = """\
VERSION = 6
NAME = Small Tree
CC = gcc
D := $(if $(O),$(O)/,)
OBJS := $(addprefix $(D),init/main.o drivers/a.o drivers/b.o)
KCONFIG_CONFIG ?= $(D).config
say = @echo "$(MAKECMDGOALS)|$(MAKEFLAGS)|ARCH=$(ARCH)|CROSS_COMPILE=$(CROSS_COMPILE)|O=$(O)|\\
CC=$(CC)|KCFLAGS=$(KCFLAGS)|W=$(W)|LLVM=$(LLVM)|SPHINXDIRS=$(SPHINXDIRS)" >> $(CURDIR)/said
all: $(D)vmlinux
\t$(say)
$(D)vmlinux: $(OBJS)
\t@echo "  LD      vmlinux"
\t@cat $(OBJS) > $@
$(D)%.o: %.c
\t@echo "  CC      $*.o"
\t@mkdir -p $(dir $@); sleep $(or $(PAUSE),0)
\t@gcc -Wall $(if $(findstring 1,$(W)),-Wextra) -I include $(filter-out -k%,$(KCFLAGS)) -c -o $@ $<
kernelrelease:
\t@echo 6.9.0-build
image_name:
\t@echo arch/x86/boot/bzImage
nconfig menuconfig:
\t$(say)
\t@echo "the menu of $@"
htmldocs:
\t$(say)
\t@echo "Documentation/x.rst:3: WARNING: bad title"
clean:
\t$(say)
\t@rm -f $(OBJS) $(D)vmlinux
distclean: clean
\t@rm -f $(D).config
"""

CONFIG = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/{arch} 6.9.0 Kernel Configuration
#
CONFIG_{word}=y
CONFIG_A=m
CONFIG_B=m
CONFIG_EFI_VARS_PSTORE=y
CONFIG_I6300ESB_WDT=y
"""

GOOD = "int {name}(void);\nint {name}(void)\n{{\n\treturn 0;\n}}\n"
UNUSED = "\nint {name}_{var}(void);\nint {name}_{var}(void)\n{{\n\tint {var} = 0;\n\treturn 0;\n}}\n"


class BuildTree:
    def __init__(self, where):
        self.dir = pathlib.Path(where)
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "scripts/Kbuild.include",
                     "arch/Kconfig",
                     "arch/x86/Kconfig", "arch/arm64/Kconfig", "Documentation/dev-tools/index.rst",
                     "Documentation/process/index.rst", "include/some.h"):
            self.write(name, "")
        self.write("Makefile", MAKEFILE)
        arm = os.uname().machine == "aarch64"
        self.config = CONFIG.format(arch="arm64" if arm else "x86",
                                    word="ARM64" if arm else "X86_64")
        self.write(".config", self.config)
        for name in ("init/main", "drivers/a", "drivers/b"):
            self.source(name)

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def source(self, name, *unused, head=""):
        """A source with these unused variables, each of which the compiler warns of."""
        short = name.rpartition("/")[2]
        self.write(name + ".c", head + GOOD.format(name=short)
                   + "".join(UNUSED.format(name=short, var=v) for v in unused))
        # make goes by times, which may be too coarse for two builds in a row.
        obj = self.dir / (name + ".o")
        if obj.exists():
            obj.unlink()

    def said(self):
        """What make was called with, the last time."""
        goals, flags, *words = (self.dir / "said").read_text().splitlines()[-1].split("|")
        return dict((w.strip().split("=", 1) for w in words), goals=goals, flags=flags)
