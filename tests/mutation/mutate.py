#!/usr/bin/env python3
"""Breaks the code on purpose, one place at a time, and expects a test to notice: evaluator, matcher, token logic, store
and state machine. Not part of test.sh (it compiles some programs a hundred times):

  tests/mutation/mutate.py                all mutants; lists the survivors, exit 1 if there are any (README.md: the last result)
  tests/mutation/mutate.py machine store  only these groups
  tests/mutation/mutate.py --work DIR     keep the copy of the tree and its build there, to go on faster
  tests/mutation/mutate.py --skip 22 rows the first 22 of what is chosen were judged by a run that was interrupted
  tests/mutation/mutate.py --check        builds nothing: whether each mutant still fits the sources (a test of its own)
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
POLICY = "include/fleetprov/policies/"
MACHINE = "include/fleetprov/provisioning/machine.hpp"
TABLE = "include/fleetprov/provisioning/transitions.hpp"
STORE = "include/fleetprov/storage/posix_store.hpp"
FILTER = "include/fleetprov/topics/topic_filter.hpp"
TOKENS = "mock_broker/registry_provisioning.cpp"

# group -> (programs that must notice, with arguments, [(file, what stands there exactly once, what comes instead)]); a fourth element says
# why nobody can notice: such a mutant is known as equivalent and counts apart.
GROUPS = {
    "evaluator": (["unit_policies", "property_policies"], [
        (POLICY + "detail/evaluator.hpp", "denied ? decision::explicit_deny : allowed ?", "allowed ? decision::allowed : denied ? decision::explicit_deny : allowed ?"),
        (POLICY + "detail/evaluator.hpp", "return !s.actions.empty() && listed == (s.action_mode == list_mode::any_of);", "return listed;"),
        (POLICY + "detail/evaluator.hpp", "return !s.actions.empty() && listed == (s.action_mode", "return listed == (s.action_mode"),
        (POLICY + "detail/evaluator.hpp", "!s.resources.empty() && listed == (s.resource_mode", "listed == (s.resource_mode"),
        (POLICY + "detail/evaluator.hpp", "listed == (s.resource_mode == list_mode::any_of);", "listed;"),
        (POLICY + "detail/evaluator.hpp", "glob_match(a.folded, folded_action)", "a.folded == folded_action"),
        (POLICY + "detail/policy_binder.hpp", "if (any_applies(rows.denies, name, packet)) return decision::explicit_deny;", ""),
        (POLICY + "detail/policy_binder.hpp", "!= (s.mode == list_mode::any_of)) return false;", "== false) return false;"),
        (POLICY + "detail/policy_binder.hpp", "name.size() >= head + tail && ", ""),
        (POLICY + "detail/policy_binder.hpp", "case shape::exact: return name == text;", "case shape::exact: return name.substr(0, text.size()) == text;"),
        (POLICY + "detail/policy_binder.hpp", "if (plain != decision::allowed || retain == retention::not_retained) return plain;", "return plain;"),
        (POLICY + "detail/policy_binder.hpp", "if (connect != decision::allowed || !packet.will) return connect;", "return connect;"),
        (POLICY + "detail/policy_binder.hpp", "if (!packet.will) return test.without_will;", "if (!packet.will) return true;"),
        (POLICY + "detail/policy_binder.hpp", "if ((set & 1U) != 0) packet.session = session_kind::persistent;", ""),
        (POLICY + "detail/policy_binder.hpp", "if (s.resources.empty()) return;", ""),
    ]),
    "matcher": (["unit_topics", "property_topics"], [
        (FILTER, "if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;\n  const char* f", "const char* f"),
        (FILTER, "if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;", "if (topic[0] == '$' && filter[0] == '#') return false;"),
        (FILTER, "if (f != f_end && *f == '#') return f + 1 == f_end;", "if (f != f_end && *f == '#') return true;"),
        (FILTER, "while (t != t_end && *t != '/') ++t;", "while (t != t_end) ++t;"),
        (FILTER, "return rules == dialect::mqtt && f_end - f == 2", "return f_end - f == 2"),
        (FILTER, "if (f == f_end) return true;", "if (f == f_end || *f == '/') return true;"),
        (FILTER, "const bool starts_level = i == 0 || text[i - 1] == '/';", "const bool starts_level = true;"),
        (FILTER, "const bool ends_level = i + 1 == text.size() || (text[i] == '+' && text[i + 1] == '/');", "const bool ends_level = i + 1 == text.size() || text[i + 1] == '/';"),
        (FILTER, "share.name.size() > limits::max_share_name_bytes)", "share.name.size() >= limits::max_share_name_bytes)"),
        (FILTER, "if (a_level == \"#\" || b_level == \"#\") return true;", "if (a_level == \"#\") return true;"),
    ]),
    "tokens": (["unit_mock_service", "unit_mock_registry"], [
        (TOKENS, "return !token.spent && now < token.deadline;", "return now < token.deadline;"),
        (TOKENS, "return !token.spent && now < token.deadline;", "return !token.spent;"),
        (TOKENS, "return !token.spent && now < token.deadline;", "return !token.spent && now <= token.deadline;"),
        (TOKENS, "|| token->certificate_id != subject.certificate_id)", ")"),
        (TOKENS, "staged_.erase<token_record>(*subject.token_digest);", ""),
        (TOKENS, "if (type->deprecated) refuse_parameters", "if (false) refuse_parameters"),
        (TOKENS, "if (claim->expires <= now) {", "if (false) {"),
        (TOKENS, "if (type == principal_type::exclusive_thing || note == name_of(principal_type::exclusive_thing))", "if (type == principal_type::exclusive_thing)"),
        (TOKENS, "if (certificate_) set_status(plan);", ""),
        (TOKENS, "if (plan.override_attributes == override_setting::replace) changed.attributes = plan.attributes;", ""),
    ]),
    "store": (["unit_storage"], [
        (STORE, "if (auto written = write_switch(std::move(next)); !written) return written;\n  return promote();", "pending_ = std::move(next);\n  return promote();"),
        (STORE, "if (auto synced = files::sync_directory(folder()); !synced) return synced;\n  if (auto written = write_switch", "if (auto written = write_switch"),
        (STORE, "if (pending_) add_once(next.answer.superseded, pending_->record.certificate_id, id);", ""),
        (STORE, "add_once(superseded, device_->certificate_id, next.record.certificate_id);", ""),
        (STORE, "const auto placed = promote();", "const result<void> placed;"),
        (STORE, "if (auto written = files::replace(directory_, \"device.pem.key\", key->reveal()); !written) return written;", ""),
        (STORE, "if (auto synced = files::sync_directory(directory_); !synced) return synced;\n  device_ = std::move(next);", "device_ = std::move(next);"),
        (STORE, "if (pending_ && pending_->registered) return errc::out_of_order;\n  if (!detail::is_plain_name", "if (!detail::is_plain_name"),
        (STORE, "if (Calls::lock(lock.number()) != 0) return errno == EWOULDBLOCK", "if (false) return errno == EWOULDBLOCK"),
        (STORE, "add_once(next.answer.superseded, pending_->record.certificate_id, \"\");", ""),
    ]),
    "machine": (["unit_provisioning", "property_provisioning"], [
        (MACHINE, "case guard::token_good: return now < token_expiry_;", "case guard::token_good: return has_certificate_;"),
        (MACHINE, "case guard::connects_left: return connects_ + 1 < how_.max_connects;", "case guard::connects_left: return true;"),
        (MACHINE, "case guard::attempts_left: return attempts_ + 1 < how_.max_attempts;", "case guard::attempts_left: return true;"),
        (MACHINE, "case guard::hangups_left: return hangups_ + 1 < how_.max_hangups;", "case guard::hangups_left: return true;"),
        (MACHINE, "case guard::renewal_left: return renewals_ < how_.max_renewals;", "case guard::renewal_left: return true;"),
        (MACHINE, "if (on == input::connected) connects_ = 0;", ""),
        (MACHINE, "status == 429 || status >= 500 ? input::rejected_for_now", "status >= 500 ? input::rejected_for_now"),
        (MACHINE, "status == 429 || status >= 500 ? input::rejected_for_now", "status == 429 ? input::rejected_for_now"),
        (MACHINE, "if (reason_code == quota_exceeded) return state_;", ""),
        (MACHINE, "if (how_.give_up_after.count() > 0) timers_[run_timer] = after(now, how_.give_up_after);\n  return take(now, input::start);", "return take(now, input::start);"),
        (MACHINE, "attempts_ = hangups_ = 0;\n      token_ =", "token_ ="),
        (MACHINE, "has_certificate_ = asked_ = false;", "has_certificate_ = false;"),
        (MACHINE, "asked_ = true;\n      pending_.emplace(publish{payloads", "pending_.emplace(publish{payloads"),
        (MACHINE, "attempts_ = hangups_ = 0;\n  ++renewals_;", "++renewals_;"),
        (MACHINE, "timers_[token_timer].reset();\n  attempts_", "attempts_"),
        (MACHINE, "after(now, how_.token_lifetime - age) : now;", "after(now, how_.token_lifetime) : now;"),
        (MACHINE, "case guard::asked: return asked_;", "case guard::asked: return true;"),
        (MACHINE, "if (!expects(call)) return errc::out_of_order;\n  // \"Decide", "// \"Decide"),
    ]),
}


def rows_of_the_table():
    """One mutant for each row: the machine without it."""
    with open(os.path.join(SOURCE, TABLE), encoding="utf-8") as file:
        text = file.read()
    table = text[text.index("inline constexpr transition transitions[]"):]
    table = table[:table.index("};")]
    return [(TABLE, row, "") for row in re.findall(r"^    \{(?:state::|std::nullopt).*\},$", table, re.M)]


def misfits(mutants):
    """What the sources do not hold exactly once, a line for each."""
    found = []
    for path, there, instead, *_ in mutants:
        with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
            times = file.read().count(there)
        if times != 1:
            found.append("%s holds %d times, not once: %s" % (path, times, there))
        elif there == instead:
            found.append("%s: replaced by itself: %s" % (path, there))
    return found


DOES_NOT_COMPILE = "does not compile"


def sh(*command, cwd=None, timeout=900):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)


def build(tree, program):
    return sh("cmake", "--build", os.path.join(tree, "build"), "--target", program)


def verdict(tree, programs, patience):
    """Who noticed: the compiler, a program, or nobody. `patience` has the seconds that each program may take."""
    for line in programs:
        program, *arguments = line.split(" ", 1)
        built = build(tree, program)
        if built.returncode != 0:
            return "killed by a static_assert" if "static assertion" in built.stdout else DOES_NOT_COMPILE
        try:
            if sh(os.path.join(tree, "build", "tests", program), "--abort", *arguments, cwd=tree, timeout=patience[line]).returncode != 0:
                return "killed by " + program
        except subprocess.TimeoutExpired:
            return "killed by %s (it no longer ends)" % program
    return None


def main():
    # Without the test that compares the table with its copy in the documentation: that one notices every row.
    groups = dict(GROUPS, rows=(["unit_provisioning ~docs/machine.md*", "property_provisioning"], rows_of_the_table()))
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("groups", nargs="*", metavar="group", help="of " + ", ".join(groups))
    options.add_argument("--work", help="folder for the copy and its build, kept")
    options.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N mutants of the chosen groups")
    options.add_argument("--check", action="store_true", help="only whether each mutant fits the sources")
    chosen = options.parse_args()
    for name in chosen.groups:
        if name not in groups:
            options.error("no group " + name)
    wanted = chosen.groups or list(groups)
    wrong = ["%s: %s" % (name, line) for name in wanted for line in misfits(groups[name][1]) or ([] if groups[name][1] else ["no mutants"])]
    if wrong:
        sys.exit("\n".join(wrong))
    if chosen.check:
        print("%d mutants fit" % sum(len(groups[name][1]) for name in wanted))
        return 0
    tree = chosen.work or tempfile.mkdtemp()
    # By content, with new times: what an interrupted run left mutated is built again.
    sh("rsync", "-rlp", "--checksum", "--delete", "--exclude", "/build", "--exclude", "node_modules", "--exclude", ".git", SOURCE + "/", tree + "/")
    sh("cmake", "--preset", "test", "-S", tree, "-B", os.path.join(tree, "build"), "-DFLEETPROV_BUILD_EXAMPLES=OFF",
       "-DFLEETPROV_WERROR=OFF", cwd=tree)  # a mutant may leave something unused
    survivors, broken, equivalent, count, start, skip = [], 0, 0, 0, time.monotonic(), chosen.skip
    try:
        for name in wanted:
            programs, mutants = groups[name]
            mutants, skip = mutants[skip:], max(0, skip - len(mutants))
            if not mutants:
                continue
            patience = {}
            for line in programs:  # a disk that syncs slowly makes the store's tests take minutes
                build(tree, line.split(" ", 1)[0])
                before = time.monotonic()
                found = verdict(tree, [line], {line: 1800})
                if found:
                    sys.exit("without a mutant: " + found)
                patience[line] = 120 + 3 * (time.monotonic() - before)
            for path, there, instead, *why in mutants:
                target = os.path.join(tree, path)
                with open(target, encoding="utf-8") as file:
                    text = file.read()
                with open(target, "w", encoding="utf-8") as file:
                    file.write(text.replace(there, instead, 1))
                found = verdict(tree, programs, patience)
                with open(target, "w", encoding="utf-8") as file:
                    file.write(text)
                count += 1
                if why and not found:
                    equivalent += 1
                    found = "equivalent: " + why[0]
                print("%-9s %s: %s" % (name, there.split("\n")[0][:100], found or "SURVIVES"), flush=True)
                broken += found == DOES_NOT_COMPILE
                if not found:
                    survivors.append((path, there, instead))
    finally:
        if not chosen.work:
            shutil.rmtree(tree)
    print("%d mutants, %d survive, %d equivalent, %d do not compile, %.0f s" % (count, len(survivors), equivalent, broken, time.monotonic() - start))
    for path, there, instead in survivors:
        print("survives in %s:\n  %s\n  -> %s" % (path, there, instead or "(nothing)"))
    return 1 if survivors or broken else 0


if __name__ == "__main__":
    sys.exit(main())
