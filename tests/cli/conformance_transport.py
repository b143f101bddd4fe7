# SPDX-License-Identifier: Apache-2.0
"""pipc conformance for transports: ours keep every rule, and a transport with one flaw fails by the rules that it breaks."""
import concurrent.futures
import os
import re

from cases import long

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Rules that no loadable module can break, with the reason.
KEPT = {
    'T-TRAITS': 'the loader refuses a module whose traits and entries do not go together',
    'T-CORE-ONE': 'the core itself keeps the second request back',
}


def transports(case, wrappers=False):
    """Every transport of the build: (name, how to name it to conformance)."""
    found = [(m['name'], ('--builtin', m['name']) if m['builtin'] else ('--module', m['file']))
             for m in case.pipc('info', '--json').json()['modules']
             if m['kind'] == 'transport' and ('wrapper' in m['traits']) == wrappers]
    assert found, 'the build has no transport'
    return found


def flaws(case):
    """[(name, file, rules)] of the broken modules that this build has."""
    if not os.path.isdir(os.path.join(case.build, 'tests', 'broken')):
        case.skip('modules with flaws are made in the build dev')
    found = []
    for line in open(os.path.join(ROOT, 'tests', 'broken', 'flaws.txt'), encoding='utf-8'):
        if line.startswith('#'):
            continue
        name, wrapped, rules = line.split()
        path = os.path.join(case.build, 'tests', 'broken', f'broken_{name}.so')
        if os.path.exists(path):
            found.append((name, path, rules.split(',')))
        else:
            assert wrapped not in {n for n, _ in transports(case)}, f'{path} was not built'
    return found


def results(done):
    """{id: ok, not ok or skipped} of a TAP text, whose plan must be kept."""
    lines = re.findall(r'^(ok|not ok) (\d+) - (\S+)(.*)$', done.out, re.M)
    plan = re.search(r'^1\.\.(\d+)$', done.out, re.M)
    assert plan and [int(n) for _, n, _, _ in lines] == list(range(1, int(plan.group(1)) + 1)), str(done)
    return {i: 'skipped' if '# SKIP' in rest else verdict for verdict, _, i, rest in lines}


def listed(case, how):
    return {line.split()[0] for line in case.pipc('conformance', *how, '--list').out.splitlines()}


@long
def test_every_transport_of_the_build_keeps_every_rule(case):
    for name, how in transports(case):
        done = case.pipc('conformance', *how, '--limit', 60, timeout=200)
        assert done.code == 0 and set(results(done).values()) == {'ok'}, f'{name}: {done}'


@long
def test_every_wrapper_of_the_build_keeps_every_rule_of_what_it_wraps(case):
    for inner, inner_how in transports(case):
        expected = listed(case, inner_how)
        for name, how in transports(case, wrappers=True):
            how = (*how, '--wraps', inner)
            rules = listed(case, how)
            assert expected - rules <= {'T-IN-PLACE'} and rules <= expected, (name, inner, expected ^ rules)
            done = case.pipc('conformance', *how, '--limit', 60, timeout=200)
            assert done.code == 0 and set(results(done).values()) == {'ok'}, f'{name}: {done}'


def test_wraps_is_for_wrappers_and_names_a_transport(case):
    name, how = transports(case)[0]
    done = case.pipc('conformance', *how, '--wraps', name)
    assert done.code == 2 and 'no wrapper' in done.err, str(done)
    done = case.pipc('conformance', *transports(case, wrappers=True)[0][1], '--wraps', 'nosuch')
    assert done.code == 2 and 'nosuch' in done.err, str(done)


def test_option_is_one_that_the_module_takes_and_reaches_its_cases(case):
    name, how = transports(case)[0]
    for option, part in (('spin', 'KEY=VALUE'), ('nosuch=1', 'nosuch'), ('spin=never', 'never')):
        done = case.pipc('conformance', *how, '--option', option)
        assert done.code == 2 and part in done.err, str(done)
    many = [word for _ in range(17) for word in ('--option', 'spin=off')]
    assert case.pipc('conformance', *how, *many).code == 2
    done = case.pipc('conformance', *how, '--option', 'spin=off', '--option', 'spin=7', '--only', 'T-INIT-TWICE,T-CORE-SESSION')
    assert done.code == 0 and len(results(done)) == 2, f'{name}: {done}'


def test_cases_follow_the_traits_that_a_transport_claims(case):
    modules = {m['name']: m for m in case.pipc('info', '--json').json()['modules']}
    for name, how in transports(case):
        traits, cases = modules[name]['traits'], listed(case, how)
        for trait, rule in (('baseline', 'T-STALE'), ('upgrade', 'T-SWEEP'), ('adopt', 'T-ADOPT'), ('peer-credentials', 'T-PEER'),
                            ('wait-handle', 'T-WAIT-HANDLE'), ('write-in-place', 'T-IN-PLACE'), ('one-outstanding', 'T-CORE-ONE')):
            assert (trait in traits) == (rule in cases), (name, trait, rule)
        assert ('one-outstanding' in traits) != ('T-CORE-PIPELINE' in cases), (name, traits)


@long
def test_transport_with_one_flaw_fails_by_the_rules_that_it_breaks(case):
    def judge(flaw):
        name, path, rules = flaw
        limit = 1 if name == 'hang' else 10
        done = case.pipc('conformance', '--module', path, '--only', ','.join(rules), '--limit', limit * case.slow, timeout=120)
        return f'{name}: {done}' if done.code != 1 or results(done) != {r: 'not ok' for r in rules} else ''

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [text for text in pool.map(judge, flaws(case)) if text]
    assert not wrong, '\n'.join(wrong)


def test_every_rule_has_a_transport_that_breaks_it_or_a_reason(case):
    broken = {rule for _, _, rules in flaws(case) for rule in rules}
    for name, how in transports(case):
        left = listed(case, how) - broken - set(KEPT)
        assert not left, f'{name}: no flaw for {sorted(left)}'
    assert not broken & set(KEPT), broken & set(KEPT)


def test_every_rule_is_on_the_page(case):
    page = open(os.path.join(ROOT, 'docs', 'conformance.md'), encoding='utf-8').read()
    on_page = set(re.findall(r'^\| `(T-[A-Z0-9-]+)` \|', page, re.M))
    cases = set().union(*(listed(case, how) for _, how in transports(case)))
    assert cases <= on_page, cases - on_page


def test_whole_run_of_a_flawed_transport_ends_and_fails(case):
    """All cases of each one, in the run with full counts; of a few otherwise."""
    found = flaws(case)
    if case.scale > 1:
        found = [f for f in found if f[0] in ('peer', 'touched', 'connect_result')]

    def judge(flaw):
        name, path, rules = flaw
        done = case.pipc('conformance', '--module', path, '--limit', 10 * case.slow, timeout=900)
        bad = {i for i, verdict in results(done).items() if verdict == 'not ok'}
        return f'{name}: {done}' if done.code != 1 or not set(rules) <= bad else ''

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wrong = [text for text in pool.map(judge, found) if text]
    assert not wrong, '\n'.join(wrong)
