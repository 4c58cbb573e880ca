"""Velocity templates: what API Gateway's users write, and what must never work."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.engines.templates.velocity import TemplateError, compile_template


def text(template: str, **names: object) -> str:
    return compile_template(template).render(names)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hello $name!", "Hello Rex!"),
        ("${name}s $!{nope}$!nope|", "Rexs |"),
        ("$nope ${nope.x} $name.nope", "$nope ${nope.x} $name.nope"),
        ("$name.toUpperCase() $name.length() $name.substring(1)", "REX 3 ex"),
        ("$name.replaceAll('[aeiou]','*') $name.split('e')[1]", "R*x x"),
        ("#set($a = 1 + 2 * 3)$a #set($b = $a - 10)$b", "7 -3"),
        ("#if($n > 2 && $name == 'Rex')yes#{else}no#end", "yes"),
        ("#if($n lt 2)a#elseif($n == 3)b#else c#end", "b"),
        ("#if(!$nope)none#end #if($empty)x#{else}empty#end", "none empty"),
        ("#foreach($x in $list)$x#if($foreach.hasNext),#end#end", "a,b,c"),
        ("#foreach($k in $map.keySet())$k=$map.get($k);#end", "x=1;y=2;"),
        ("#foreach($e in $map.entrySet())$e.key$e.value#end", "x1y2"),
        ("#foreach($i in [1..4])#if($i == 3)#break#end$i#end", "12"),
        ("$map.x $map['y'] $list[0] $list.get(1) $list.size()", "1 2 a b 3"),
        ("$map $list", "{x=1, y=2} [a, b, c]"),
        ("## a comment\nx#* another *#y", "xy"),
        ("#[[ $name #if ]]#", " $name #if "),
        ("\\$name \\#if", "$name #if"),
        ("a\n  #set($q = 1)\nb", "a\nb"),
        ("#set($m = {'a': [1, 'two'], \"b\": true})$m.a[1] $m.b", "two true"),
        ("#set($m = {})#set($m.k = 'v')$m.put('z', 1)$m", "$m.put('z', 1){k=v, z=1}"),
        ('#set($s = "$name and ${n}")$s', "Rex and 3"),
        ("#set($s = '$name')$s", "$name"),
        ("#set($l = [])#set($ok = $l.add('x'))$l.contains('x')", "true"),
        ("{\n#if(true)\n  \"a\": 1\n#end\n}", '{\n  "a": 1\n}'),
        ("before#stop after", "before"),
        ("$5.00 #1 # $ #abc", "$5.00 #1 # $ #abc"),
        ("#set($x = $nope)[$!x]", "[]"),
        ("$name.equals('Rex') $name.matches('R.x') $name.contains('e')", "true true true"),
        ("#if($nope == '')same#{else}other#end", "other"),
    ],
)  # fmt: skip
def test_what_templates_say(template: str, expected: str) -> None:
    """Each line is a habit of API Gateway's users."""
    names = {"name": "Rex", "n": 3, "empty": "", "list": ["a", "b", "c"], "map": {"x": 1, "y": 2}}
    assert text(template, **names) == expected


@pytest.mark.parametrize(
    "template",
    [
        "$name.__class__",
        "$name.__class__.__mro__",
        "$name.format('x')",
        "$name.join($list)",
        "$list.__init__()",
        "$map.__class__.__base__.__subclasses__()",
        "$map.pop('x')",
    ],
)
def test_nothing_of_python_shows(template: str) -> None:
    """A template is a stranger's: it must not reach an object's insides."""
    assert text(template, name="Rex", list=["a"], map={"x": 1}) == template


def test_return_stops_and_tells() -> None:
    """#return ends a template with a value (AppSync)."""
    assert compile_template("a#return($x)b").run({"x": {"k": 1}}) == ("a", {"k": 1}, True)


@pytest.mark.parametrize(
    "template", ["#if(true)", "#foreach($x in )#end", "#set($x)", "#end", "#set($x = 'a)", "#if((((1)#end"]
)
def test_broken_templates_are_refused(template: str) -> None:
    """They are errors, not text."""
    with pytest.raises(TemplateError):
        text(template)


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($a in [1..9999])#foreach($b in [1..9999])#foreach($c in [1..9999])x#end#end#end",
        "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..999])#set($s = $s + $s)#end",
        "#set($x = [1..99999999])",
        "#set($x = " + "(" * 500 + "1" + ")" * 500 + ")",
    ],
)
def test_greedy_templates_end(template: str) -> None:
    """A loop, a text or a range that would take the house down is an error."""
    with pytest.raises(TemplateError):
        text(template)


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_renders_or_is_refused(template: str) -> None:
    """Whatever is written, the answer is text or TemplateError."""
    try:
        assert isinstance(text(template, a={"b": [1]}), str)
    except TemplateError:
        pass


@given(st.text(alphabet=string.ascii_letters + string.digits + ' .,:;{}"[]\n', max_size=80))
def test_plain_text_stays(template: str) -> None:
    """What has no mark of the language is left alone."""
    assert text(template) == template
