# SPDX-License-Identifier: Apache-2.0
"""The policies under which tests run, as data: name -> environment, and the rules that apply them.

A knob of hz4/knobs.def that is policy must appear here, numbers at both ends of their range; a test
(tests/trace:matrix_test) compares this file with the registry.
"""

# Every variant is strict: a misspelt knob in this file ends the test that uses it.
_STRICT = {"HZ4_STRICT": "abort"}

DEFAULT = {"default": {}}

FRONTS = {
    "percpu": {"HZ4_FRONT": "percpu"},
    "thread": {"HZ4_FRONT": "thread"},
    "none": {"HZ4_FRONT": "none"},
}

def _cross(a, b):
    result = {}
    for x, ex in a.items():
        for y, ey in b.items():
            result[x + "_" + y] = dict(ex, **ey)
    return result

_PAGE_MAPS = {
    "direct": {"HZ4_PAGE_MAP": "direct"},
    "radix": {"HZ4_PAGE_MAP": "radix"},
}

FRONTS_AND_MAPS = _cross(FRONTS, _PAGE_MAPS)

PROFILES = {
    "b46_base": {"HZ4_PROFILE": "b46-base"},
    "b7x_base": {"HZ4_PROFILE": "b7x-base"},
}

_LADDER = {"HZ4_MID_ROUTE": "ladder"}
_B7X = {"HZ4_PROFILE": "b7x-base"}
_OWNER = {"HZ4_MID_OWNER_REMOTE_QUEUE": "1"}
_STACK = {"HZ4_MID_OWNER_LOCAL_STACK": "1"}
_ADAPTIVE = {"HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE": "1"}

# Each box alone on its base: off where the ladder has it on, on where it is off.
BOXES = {
    "ladder": _LADDER,
    "ladder_thread_radix": dict(_LADDER, HZ4_FRONT = "thread", HZ4_PAGE_MAP = "radix"),
    "ladder_no_front": dict(_LADDER, HZ4_FRONT = "none"),
    "no_alloc_run": dict(_LADDER, HZ4_MID_ALLOC_RUN_CACHE = "0"),
    "no_free_batch": dict(_LADDER, HZ4_MID_FREE_BATCH = "0"),
    "no_consume": dict(_LADDER, HZ4_MID_FREE_BATCH_CONSUME = "0"),
    "no_page_supply": dict(_LADDER, HZ4_MID_PAGE_SUPPLY_RESV = "0"),
    "bare_ladder": dict(
        _LADDER,
        HZ4_MID_ALLOC_RUN_CACHE = "0",
        HZ4_MID_FREE_BATCH = "0",
        HZ4_MID_PAGE_SUPPLY_RESV = "0",
    ),
    "owner_queue": _OWNER,
    "b57_local_stack": _STACK,
    "b58_remote_gate": {"HZ4_MID_OWNER_LOCAL_STACK_REMOTE_GATE": "1"},
    "b77_adaptive": _ADAPTIVE,
    "b77_on_b7x": dict(_B7X, **_ADAPTIVE),
    "b46_dual_tier": {"HZ4_PROFILE": "b46-base", "HZ4_MID_DUAL_TIER_ALLOC": "1"},
    "b47_create_outside": {"HZ4_MID_PAGE_CREATE_OUTSIDE_SC_LOCK": "1"},
    "b73_transfer": {"HZ4_MID_TRANSFER_CACHE": "1"},
    "b73_on_b7x": dict(_B7X, HZ4_MID_TRANSFER_CACHE = "1"),
    "b74a": dict(_B7X, HZ4_MID_PAGE_CREATE_OUTSIDE_SC_LOCK = "1"),
    "b74b": dict(_B7X, HZ4_MID_LOCKPATH_OUTLOCK_REFILL = "1"),
    "b74b_alone": {"HZ4_MID_LOCKPATH_OUTLOCK_REFILL": "1"},
    "all_boxes": {
        "HZ4_MID_OWNER_LOCAL_STACK_REMOTE_GATE": "1",
        "HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE": "1",
        "HZ4_MID_DUAL_TIER_ALLOC": "1",
        "HZ4_MID_PAGE_CREATE_OUTSIDE_SC_LOCK": "1",
        "HZ4_MID_TRANSFER_CACHE": "1",
        "HZ4_MID_LOCKPATH_OUTLOCK_REFILL": "1",
    },
}

# The two ends of every number. Numbers that only meet in different boxes share a variant.
EXTREMES = {
    "front_tiny": {
        "HZ4_FRONT_BUDGET": "64K",
        "HZ4_FRONT_CPU_INDEX": "cpu_id",
        "HZ4_FRONT_MAX_SIZE": "262144",
        "HZ4_THP": "system",
    },
    # Less than the traces ask for: they take a refusal for an answer.
    "reserve_least": {"HZ4_RESERVE": "64M", "HZ4_THP": "advise", "TEST_REFUSALS": "1"},
    "front_nothing": {
        "HZ4_FRONT_CPU_INDEX": "mm_cid",
        "HZ4_FRONT_MAX_SIZE": "0",
        "HZ4_RESERVE": "16384G",
        "HZ4_THP": "never",
    },
    "front_huge": {
        "HZ4_FRONT": "thread",
        "HZ4_FRONT_BUDGET": "1G",
        "HZ4_THP": "always",
        "HZ4_VFORK": "native",
    },
    "ladder_low": dict(
        _LADDER,
        HZ4_MID_LOCK_SHARDS = "1",
        HZ4_MID_ALLOC_RUN_LIMIT = "2",
        HZ4_MID_FREE_BATCH_LIMIT = "2",
        HZ4_MID_FREE_BATCH_CONSUME_MIN = "1",
        HZ4_MID_PAGE_SUPPLY_RESV_CHUNK_PAGES = "2",
    ),
    "ladder_high": dict(
        _LADDER,
        HZ4_MID_LOCK_SHARDS = "256",
        HZ4_MID_ALLOC_RUN_LIMIT = "256",
        HZ4_MID_FREE_BATCH_LIMIT = "256",
        HZ4_MID_FREE_BATCH_CONSUME_MIN = "256",
        HZ4_MID_PAGE_SUPPLY_RESV_CHUNK_PAGES = "16",
    ),
    "owner_low": dict(
        _ADAPTIVE,
        HZ4_MID_OWNER_REMOTE_QUEUE_DRAIN_THRESHOLD = "1",
        HZ4_MID_OWNER_REMOTE_QUEUE_DRAIN_PERIOD = "1",
        HZ4_MID_OWNER_LOCAL_STACK_SLOTS = "4",
        HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE_PROBE_SHIFT = "0",
        HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE_COOLDOWN = "0",
    ),
    "owner_high": dict(
        _ADAPTIVE,
        HZ4_MID_OWNER_REMOTE_QUEUE_DRAIN_THRESHOLD = "65535",
        HZ4_MID_OWNER_REMOTE_QUEUE_DRAIN_PERIOD = "65535",
        HZ4_MID_OWNER_LOCAL_STACK_SLOTS = "255",
        HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE_PROBE_SHIFT = "7",
        HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE_COOLDOWN = "255",
    ),
    "tiers_low": {
        "HZ4_MID_DUAL_TIER_ALLOC": "1",
        "HZ4_MID_DUAL_TIER_L0_LIMIT": "1",
        "HZ4_MID_DUAL_TIER_L0_REFILL_BATCH": "1",
        "HZ4_MID_TRANSFER_CACHE": "1",
        "HZ4_MID_TRANSFER_CACHE_BATCH_MAX": "4",
        "HZ4_MID_TRANSFER_CACHE_PUBLISH_MIN": "1",
        "HZ4_MID_TRANSFER_CACHE_SOFT_LIMIT": "1",
        "HZ4_MID_LOCKPATH_OUTLOCK_REFILL": "1",
        "HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BUDGET": "1",
    },
    "tiers_high": {
        "HZ4_MID_DUAL_TIER_ALLOC": "1",
        "HZ4_MID_DUAL_TIER_L0_LIMIT": "16",
        "HZ4_MID_DUAL_TIER_L0_REFILL_BATCH": "16",
        "HZ4_MID_TRANSFER_CACHE": "1",
        "HZ4_MID_TRANSFER_CACHE_BATCH_MAX": "64",
        "HZ4_MID_TRANSFER_CACHE_PUBLISH_MIN": "256",
        "HZ4_MID_TRANSFER_CACHE_SOFT_LIMIT": "65536",
        "HZ4_MID_LOCKPATH_OUTLOCK_REFILL": "1",
        "HZ4_MID_LOCKPATH_OUTLOCK_REFILL_BUDGET": "64",
    },
}

# Counting instantiates every entry and box once more.
COUNTING = {
    "counting_default": {"HZ4_STATS": "json"},
    "counting_b7x": dict(_B7X, HZ4_STATS = "1", HZ4_MID_STATS_B1 = "1", HZ4_MID_LOCK_TIME_STATS = "1"),
    "counting_thread": {"HZ4_FRONT": "thread", "HZ4_STATS": "json", "HZ4_PAGE_MAP": "radix"},
}

# The test draws a valid set itself and prints it (TEST_RANDOM_KNOBS is the tests' own variable).
RANDOM = {
    "random": {"TEST_RANDOM_KNOBS": "1"},
    "random_again": {"TEST_RANDOM_KNOBS": "1"},
}

def merge(*families):
    """One dictionary of all variants of several families."""
    result = {}
    for family in families:
        result.update(family)
    return result

def _variant_test_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = ctx.executable.binary,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [executable] + ctx.files.data)
    runfiles = runfiles.merge(ctx.attr.binary[DefaultInfo].default_runfiles)
    for target in ctx.attr.data:
        runfiles = runfiles.merge(target[DefaultInfo].default_runfiles)
    return [
        DefaultInfo(executable = executable, runfiles = runfiles),
        testing.TestEnvironment(ctx.attr.environment),
    ]

_variant_test = rule(
    implementation = _variant_test_impl,
    attrs = {
        "binary": attr.label(executable = True, cfg = "target", mandatory = True),
        "data": attr.label_list(allow_files = True),
        "environment": attr.string_dict(),
    },
    doc = "Runs a binary as a test under an environment; one binary serves any number of these.",
    test = True,
)

def variant_tests(name, binary, variants, environment = {}, **kwargs):
    """One test NAME_VARIANT for each variant, and a test_suite NAME of them all.

    Args:
      name: of the suite.
      binary: label of the test program; built once.
      variants: dictionary name -> environment.
      environment: of every variant.
      **kwargs: size, timeout, tags, data and the like, of every test.
    """
    tests = []
    for variant, own in variants.items():
        tests.append(name + "_" + variant)
        _variant_test(
            name = name + "_" + variant,
            binary = binary,
            environment = dict(dict(_STRICT, **environment), **own),
            **kwargs
        )
    native.test_suite(name = name, tests = tests)

def variants_file(name, out, variants):
    """Writes variants to a file, one a line: "VARIANT NAME=VALUE ...".

    Args:
      name: of the rule.
      out: the file.
      variants: dictionary name -> environment.
    """
    lines = [
        " ".join([variant] + ["%s=%s" % (n, v) for n, v in own.items()])
        for variant, own in variants.items()
    ]
    native.genrule(
        name = name,
        outs = [out],
        cmd = "printf '%s\\n' " + " ".join(["'%s'" % line for line in lines]) + " > $@",
    )
