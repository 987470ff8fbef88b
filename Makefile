# The one front door: `make help` says what there is. Needs GNU make.

STEPS := step1_iterative step2_sleep step3_fork step4_leak step5_zombie step6_sigchld step7_waitpid
SERVERS := $(STEPS:=/server) step6_sigchld/eintr
PROGRAMS := $(SERVERS) client/client

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
COMPILE = $(CC) -std=c11 $(WARNINGS) $(CFLAGS)

# SANITIZE=address,undefined makes a second set of everything, under build/.
comma := ,
BUILD := $(if $(SANITIZE),build/$(subst $(comma),-,$(SANITIZE)),build)
SET := $(if $(SANITIZE),$(BUILD),.)
FLAGS := $(BUILD)/flags
ifdef SANITIZE
COMPILE += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
BUILT := $(PROGRAMS:%=$(SET)/%)
UNITS := $(SERVERS:%=$(BUILD)/tests/unit/%) $(addprefix $(BUILD)/tests/unit/,client trace draw watch)
HELPERS := build/tests/rude
SPEND := build/tests/spend
FUZZ_TARGETS := $(basename $(notdir $(wildcard tests/fuzz/*_*.c)))
REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%)
TRACE := $(BUILD)/tools/trace
WATCH := $(BUILD)/tools/watch

BIN := $(CURDIR)/$(SET)
export BIN CC STEP SERVER PROGRAM SANITIZE VALGRIND YES ARGS TRACE WATCH TIME
export REPLAY := $(BUILD)/tests/fuzz

.PHONY: all tour doctor watch lab picture pictures picture-check book test unit test-book deps deps-browser deps-lint deps-fuzz faults hostile soak mutants fuzz repeat lint format transcripts clean help

all: $(BUILT) ## Build the servers of all stages, and the client.

tour transcripts: $(BUILT)

tour: ## Watch every stage behave as the article says; STEP=4 for one, YES=1 asks nothing.
	@tools/tour $(STEP)

doctor: ## Look for what on this machine would spoil an experiment, and say what to type.
	@tools/doctor

watch: $(BUILT) $(WATCH) ## Watch a server live: processes, descriptors, sockets; STEP=5, or SERVER="./mine".
	@tools/watch/run

lab: $(BUILT) $(WATCH) ## The same in tmux, with the server and a shell beside it; STEP=5.
	@tools/watch/lab

picture: $(BUILT) $(TRACE) ## Draw a stage's real run, into build/pictures; STEP=6, or 6-128, 4-limit, eintr.
	@tools/picture $(STEP)

pictures: $(BUILT) $(TRACE) ## Draw all of them, and renew those in docs/pictures that tell another story now.
	@tools/picture --publish

picture-check: $(BUILT) $(TRACE) ## Draw all of them, and say which in docs/pictures tell another story.
	@tools/picture --check

book: ## Make a book for the browser of all this: build/book/index.html.
	@tools/book/book

test: $(BUILT) $(HELPERS) $(SPEND) $(TRACE) $(WATCH) $(if $(SERVER),,$(UNITS) $(REPLAYS)) ## Prove each claim; STEP=4 for one stage's, SERVER="./mine" to judge yours.
	@UNITS='$(UNITS)' tools/test

unit: $(UNITS) ## Test the functions of the programs on their own, with Criterion.
	@UNITS='$(UNITS)' tools/test unit

test-book: book ## Read the book in a real browser, every page of it, and find what is wrong.
	@tools/book/check

diff-%: ## Show what is new from one stage to another: make diff-3-4, make diff-5-eintr.
	@tools/diff $(foreach stage,$(subst -, ,$*),'$(stage)')

deps: ## Install what the targets need, lint and test-book aside; if this is not Debian or Ubuntu, name it.
	@tools/deps test

deps-browser: ## Install the browser for test-book, likewise.
	@tools/deps browser

deps-lint: ## Install the tools for lint, likewise.
	@tools/deps lint

deps-fuzz: ## Install what fuzz needs, likewise.
	@tools/deps fuzz

faults: $(BUILT) $(SPEND) ## Let every system call fail in every documented way, and see what is declared; STEP=7 for one.
	@tools/faults $(STEP)

hostile: $(BUILT) $(HELPERS) ## Meet rude clients in thousands, for up to SECONDS=30 at each stage, with what it declares.
	@STEP=hostile HOSTILE_SECONDS=$(or $(SECONDS),30) HOSTILE_CROWD=4000 LAB_DEADLINE=60 tools/test bats

soak: $(BUILT) ## Let stage 7 serve more than it can for SECONDS=120, and look for what it lost or kept.
	@SOAK_SECONDS=$(or $(SECONDS),120) tools/soak

mutants: | needs ## Test the tests: make wrong edits of the programs, and see which test tells; MUTANT=NAME for one.
	@tools/mutants $(MUTANT)

fuzz: $(filter $(or $(TARGET),$(FUZZ_TARGETS)),$(FUZZ_TARGETS)) ## Give random inputs to what reads input, and say which break it; TIME=60 seconds in all.
	@tools/fuzz $(TARGET)

repeat: $(BUILT) $(HELPERS) $(SPEND) $(TRACE) $(WATCH) $(UNITS) $(REPLAYS) ## Run all tests TIMES=20 times, in any order, every second time on busy processors, or not: BUSY=no.
	@UNITS='$(UNITS)' REPEAT_TIMES=$(or $(TIMES),20) REPEAT_BUSY='$(BUSY)' tools/repeat

lint: ## Look for faults with gcc, clang, clang-tidy, cppcheck, shellcheck and clang-format.
	@tools/lint

format: ## Format the C sources as lint wants them.
	clang-format -i step*/*.c client/*.c tests/*.c tests/unit/*.c tests/fuzz/*.[ch] tools/*/*.[ch] beyond/*.[ch] beyond/*/*.[ch] tests/classroom/*/*.c

transcripts: ## Put what the tour shows into the READMEs.
	@tools/transcripts

clean: ## Remove all that was built.
	rm -rf build $(PROGRAMS) beyond/serve beyond/client/talk beyond/wsgi/wsgi

help: ## Say what each target does.
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { sub("%", "A-B", $$1); printf "make %-13s %s\n", $$1, $$2 }' Makefile

# In whose name something is missing: the target that was typed.
WHO := $(or $(firstword $(MAKECMDGOALS)),make)

.PHONY: needs
needs:
	@tools/deps check $(WHO)

# What was built with other flags is built again: this file changes only when they do.
$(FLAGS): always
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || echo '$(COMPILE) $(LDFLAGS)' >$@
.PHONY: always
always:

$(BUILT): $(SET)/%: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(LDFLAGS)

# The tests' own programs: never with a sanitizer.
$(HELPERS): build/%: %.c | needs
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -o $@ $<

# Static: no fault of close(2) can hit the dynamic linker.
$(SPEND): tests/spend.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) $(CFLAGS) -static -o $@ $<

$(TRACE): $(wildcard tools/trace/*.[ch]) $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $(filter %.c,$^) $(LDFLAGS) -lm

$(WATCH): $(wildcard tools/watch/*.[ch]) $(FLAGS)
	@tools/deps check $(WHO) cc ncurses
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $(filter %.c,$^) $(LDFLAGS) -lncurses -ltinfo

# Unit tests include the program's source: -DSERVER names it.
$(SERVERS:%=$(BUILD)/tests/unit/%): $(BUILD)/tests/unit/%: tests/unit/server_test.c %.c $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -DSERVER='"../../$*.c"' -DSTAGE=$(patsubst step%,%,$(firstword $(subst _, ,$*))) \
		$(if $(filter %/eintr,$*),-DEINTR_PROGRAM) -o $@ $< -lcriterion

$(BUILD)/tests/unit/client: tests/unit/client_test.c client/client.c $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< -lcriterion

# The modules of the program, but for the one that the test includes or replaces.
TRACE_MODULES := $(filter-out tools/trace/main.c,$(wildcard tools/trace/*.c))
$(BUILD)/tests/unit/trace: tests/unit/trace_test.c $(wildcard tools/trace/*.[ch]) $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(TRACE_MODULES) -lcriterion -lm

# The fuzz targets include the program's source, too; see tests/fuzz/README.md. As libFuzzer runs them, and as a
# program that replays the inputs that were kept, under the sanitizers where the compiler has them.
FUZZ_MODULES_trace_log := $(filter-out tools/trace/log.c,$(TRACE_MODULES))
FUZZ_MODULES_trace_rows := $(TRACE_MODULES)
FUZZ_SOURCES := $(wildcard tests/fuzz/*.h tools/trace/*.[ch]) client/client.c step7_waitpid/server.c
FUZZ_SANITIZERS := address,undefined,float-cast-overflow
CAN_SANITIZE = $(shell echo 'int main(void) { return 0; }' | $(CC) -fsanitize=$(FUZZ_SANITIZERS) -o /dev/null -x c - 2>/dev/null && echo yes)

$(REPLAYS): $(BUILD)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(FUZZ_SOURCES) $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -O1 $(if $(SANITIZE),,$(if $(CAN_SANITIZE),-fsanitize=$(FUZZ_SANITIZERS) -fno-sanitize-recover=all)) \
		-o $@ $< tests/fuzz/replay.c $(FUZZ_MODULES_$*) -lm

.PHONY: $(FUZZ_TARGETS)
$(FUZZ_TARGETS): %: build/fuzz/%
build/fuzz/%: tests/fuzz/%.c $(FUZZ_SOURCES)
	@tools/deps check $(WHO) clang libfuzzer
	@mkdir -p $(@D)
	clang -std=c11 $(WARNINGS) -O1 -g -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -fno-sanitize-recover=all \
		-o $@ $< $(FUZZ_MODULES_$*) -lm

$(BUILD)/tests/unit/draw: tests/unit/draw_test.c $(wildcard tools/trace/*.[ch]) $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(TRACE_MODULES) -lcriterion -lm

$(BUILD)/tests/unit/watch: tests/unit/watch_test.c $(wildcard tools/watch/*.[ch]) $(FLAGS) | needs
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< -lcriterion

PKG_CONFIG ?= pkg-config

# --- beyond/wsgi: a program of its own, as it needs Python's library; PYTHON is the interpreter that belongs to it.
PYTHON_EMBED := $(shell $(PKG_CONFIG) --exists 'python3-embed >= 3.10' 2>/dev/null && echo python3-embed)
WSGI := $(if $(PYTHON_EMBED),$(SET)/beyond/wsgi/wsgi)
ifdef WSGI
PYTHON := $(shell $(PKG_CONFIG) --variable=exec_prefix python3-embed)/bin/python$(shell $(PKG_CONFIG) --modversion python3-embed)
WSGI_FLAGS := -DPYTHON='"$(PYTHON)"' $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags python3-embed))
WSGI_LIBRARIES := $(shell $(PKG_CONFIG) --libs python3-embed)

$(WSGI): $(wildcard beyond/wsgi/*.[ch]) $(addprefix beyond/,remedy.c remedy.h text.c text.h) $(BUILD)/wsgi/gateway.inc $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) $(WSGI_FLAGS) -I$(BUILD)/wsgi -o $@ $(filter %.c,$^) $(LDFLAGS) $(WSGI_LIBRARIES)

# The text of gateway.py as the numbers of its bytes: the program needs no other file.
$(BUILD)/wsgi/gateway.inc: beyond/wsgi/gateway.py
	@mkdir -p $(@D)
	od -An -v -tx1 $< | sed 's/ *\(..\)/0x\1,/g; $$s/,$$//' >$@
endif

# --- beyond: one program, from a file for each model and each protocol; the libraries that some models need are
# optional, and such a model is left out where pkg-config does not find its own.
BEYOND := $(SET)/beyond/serve
BEYOND_CLIENT := $(SET)/beyond/client/talk
BEYOND_LIBRARIES := uv:libuv event:libevent uring:liburing
library_of = $(patsubst $1:%,%,$(filter $1:%,$(BEYOND_LIBRARIES)))
found = $(shell $(PKG_CONFIG) --exists $1 2>/dev/null && echo $1)
BEYOND_FOUND := $(foreach pair,$(BEYOND_LIBRARIES),$(call found,$(lastword $(subst :, ,$(pair)))))
BEYOND_SYSTEMD := $(call found,libsystemd)
BEYOND_MISSING := $(foreach pair,$(BEYOND_LIBRARIES),$(if $(filter $(lastword $(subst :, ,$(pair))),$(BEYOND_FOUND)),,$(firstword $(subst :, ,$(pair)))))
BEYOND_SOURCES := $(filter-out $(BEYOND_MISSING:%=beyond/models/%.c),$(wildcard beyond/*.c beyond/models/*.c beyond/protocols/*.c))
BEYOND_FLAGS = $(if $(BEYOND_SYSTEMD),-DHAVE_SYSTEMD) $(if $(strip $(BEYOND_FOUND)$(BEYOND_SYSTEMD)),$(shell $(PKG_CONFIG) --cflags --libs $(BEYOND_FOUND) $(BEYOND_SYSTEMD)))

.PHONY: beyond built-beyond
# (Make looks for libraries before all else: once more, as deps-beyond may have brought them.)
beyond: ## Build beyond/serve, every server of the article's siblings, and what belongs to it.
	@$(MAKE) --no-print-directory built-beyond

built-beyond: $(BEYOND) $(BEYOND_CLIENT) $(WSGI)
	@$(foreach model,$(BEYOND_MISSING),echo 'beyond: the model $(model) is left out: $(call library_of,$(model)) is missing. Type: make deps-beyond';)
	@$(if $(WSGI),,echo 'beyond: wsgi is left out: the library of Python 3.10 or later is missing (Debian: libpython3-dev). Type: make deps-beyond';)

BEYOND_COMMAND = $(COMPILE) -pthread -o $(BEYOND) $(BEYOND_SOURCES) $(LDFLAGS) $(BEYOND_FLAGS)

$(BEYOND): $(BEYOND_SOURCES) $(wildcard beyond/*.h beyond/*/*.h) $(BUILD)/beyond-command
	@mkdir -p $(@D)
	$(BEYOND_COMMAND)

# As below for the flags: also when a library has come or gone.
$(BUILD)/beyond-command: always
	@mkdir -p $(@D)
	@echo '$(BEYOND_COMMAND)' | cmp -s - $@ || echo '$(BEYOND_COMMAND)' >$@

# The balancer, and what happens when the network goes.
PATIENCE_PROGRAM := $(BUILD)/beyond/patience
export PATIENCE_PROGRAM

$(PATIENCE_PROGRAM): beyond/balancer/patience.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(LDFLAGS)

.PHONY: balance unplug
balance: $(BEYOND) ## Let servers behind HAProxy be killed, hang, be cut off, be drained, for SECONDS=40; RETRY=none, connect, all.
	@BALANCE_SECONDS=$(or $(SECONDS),40) beyond/balancer/balance

unplug: $(BEYOND) $(PATIENCE_PROGRAM) ## Pull the cable between a client and a server, and see what each of them notices.
	@beyond/balancer/unplug

# What bench needs beside the servers: the least that a process costs, an answer that costs nothing, idle connections.
BENCH := $(addprefix build/bench/,limit answer holder)

.PHONY: bench
bench: $(BUILT) $(BEYOND) $(BENCH) ## Measure the servers side by side, in about an hour; QUICK=1 for a minute or two, ONLY=2 for one question.
	@tools/deps check $(WHO) ab gnuplot
	@BENCH_COMPILE='$(COMPILE)' QUICK='$(QUICK)' ONLY='$(ONLY)' AMONG='$(AMONG)' ROUNDS='$(ROUNDS)' OUT='$(OUT)' \
		PYTHON_SERVER='$(PYTHON_SERVER)' PYTHON_CLIENT='$(PYTHON_CLIENT)' beyond/bench/bench

$(BENCH): build/bench/%: beyond/bench/%.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -pthread -o $@ $<

# The tests of beyond, and the clients that they and beyond/README.md use.
export MODEL PROTOCOL

.PHONY: test-beyond deps-beyond
test-beyond: ## Ask every model of beyond/serve all that it promises; MODEL=epoll, PROTOCOL=http, STEP=claims.
	@$(MAKE) --no-print-directory asked-beyond # as for beyond

.PHONY: asked-beyond
asked-beyond: built-beyond $(BUILT) $(PATIENCE_PROGRAM) $(BENCH)
	@tools/test beyond

deps-beyond: ## Install the libraries of beyond/serve, and what test-beyond asks it with, likewise.
	@tools/deps beyond

$(BEYOND_CLIENT): beyond/client/talk.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(LDFLAGS)

# --- the classroom: exercises, hand-outs, grading (beyond/exercises, tools/classroom).
export EX LEVEL FORMAT DIR OUT WATCH UNSAFE AGAIN

# The students' programs, a file each.
MINE := $(wildcard exercises/*.c)
EXERCISES := $(MINE:%.c=$(BUILD)/%)

.PHONY: handout hint solution exercises grade grade-all progress test-classroom deps-classroom
handout: ## Pack what students get into build/handout.tar.gz, without solutions; UPTO=6: for a class that is at exercise 6.
	@tools/classroom/handout $(UPTO)

hint: ## Give a hint for an exercise: EX=reap LEVEL=1, 2 or 3, each of which gives away more.
	@tools/classroom/hint

solution: ## Make the model solution of an exercise, and show how it differs from what is given: EX=reap. It is in no hand-out.
	@tools/classroom/solution --show $(EX)

exercises: $(EXERCISES) ## Build your programs in exercises/, as build/exercises/NAME.

grade: SERVER := $(or $(SERVER),$(if $(EX),exercises/$(EX).c))
grade: ## Judge your program, exercises/NAME.c, or another one, in a sandbox: EX=reap SERVER=./mine; FORMAT=tap, junit, gradescope, csv, page.
	@tools/classroom/grade

grade-all: ## Judge a class, DIR=submissions, in parallel; what it finds is put into OUT=build/grades.
	@tools/classroom/grade-all

progress: ## Say which exercises your programs in exercises/ pass, and what is next; WATCH=1 judges again on each save.
	@tools/classroom/progress

test-classroom: $(BUILT) ## Test the classroom: exercises, sandbox, grading, hand-out.
	@tools/test classroom

deps-classroom: ## Install what the sandbox and progress need, likewise.
	@tools/deps classroom

$(EXERCISES): $(BUILD)/%: %.c $(FLAGS)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(LDFLAGS)
