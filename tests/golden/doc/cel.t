# One case a line: expression ==> type and value, or ! and a part of the error.
# A line with "check:" is compiled with the variables req and res, and gives the type of the result.
# The variables of the others are the fields of the object in tests/unit/cel.c.

# ---- literals ----
1 ==> int 1
-1 ==> int -1
0x1F ==> int 31
-0x10 ==> int -16
9223372036854775807 ==> int 9223372036854775807
-9223372036854775808 ==> int -9223372036854775808
9223372036854775808 ==> ! 1:1: syntax error: the number does not fit an int
18446744073709551615u ==> uint 18446744073709551615
18446744073709551616u ==> ! does not fit 64 bits
7u ==> uint 7
1.5 ==> double 1.5
.5 ==> double 0.5
1e3 ==> double 1000
1e6 ==> double 1e+06
1.5e-7 ==> double 1.5e-07
'a' ==> string a
"a" ==> string a
'''a'b''' ==> string a'b
"""a"b""" ==> string a"b
r'a\n' ==> string a\n
'\x41\u00e9\U0001F600\101' ==> string Aé😀A
'\'' ==> string '
'\q' ==> ! 1:2: syntax error: this escape sequence is unknown
'\ud800' ==> ! this escape sequence is unknown
b'a\xff' == b'a\377' ==> bool true
b'abc' ==> bytes abc
'open ==> ! 1:1: syntax error: the closing quote is missing
true ==> bool true
null ==> null_type null
[] ==> list []
[1, 'a', null] ==> list [1, a, null]
{'a': 1, 'b': [2]} ==> map {a: 1, b: [2]}
{1: 'x', true: 'y', 2u: 'z'}[2] ==> string z
{'a': 1, 'a': 2} ==> ! repeated
{1.5: 1} ==> ! unsupported key type: double
1 // a comment ==> int 1
1abc ==> ! this is no number
0x ==> ! digits are missing
$ ==> ! 1:1: syntax error: this character has no meaning here

# ---- arithmetic ----
1 + 2 * 3 ==> int 7
(1 + 2) * 3 ==> int 9
10 - 3 - 2 ==> int 5
7 / 2 ==> int 3
-7 / 2 ==> int -3
-7 % 3 ==> int -1
7 % 0 ==> ! modulus by zero
1 / 0 ==> ! division by zero
1.0 / 0.0 ==> double +Inf
1u - 2u ==> ! unsigned integer overflow
1u + 2u ==> uint 3
5u / 2u ==> uint 2
5u % 3u ==> uint 2
5u / 0u ==> ! division by zero
9223372036854775807 + 1 ==> ! 1:21: integer overflow
-9223372036854775808 - 1 ==> ! integer overflow
9223372036854775807 * 2 ==> ! integer overflow
-9223372036854775808 / -1 ==> ! integer overflow
-9223372036854775808 % -1 ==> ! integer overflow
-(-9223372036854775808) ==> ! integer overflow
18446744073709551615u * 2u ==> ! unsigned integer overflow
1.5 + 2.25 ==> double 3.75
2.0 * 3.5 ==> double 7
--1 ==> int 1
-(1.5) ==> double -1.5
1 + 1.0 ==> ! 1:3: no such overload: _+_(int, double)
1 + 'a' ==> ! no such overload: _+_(int, string)
'a' + 'b' ==> string ab
b'a' + b'b' ==> bytes ab
[1] + [2, 3] ==> list [1, 2, 3]
-'a' ==> ! no such overload
!1 ==> ! no such overload

# ---- order and equality ----
1 < 2 ==> bool true
2 <= 2 ==> bool true
3 > 4 ==> bool false
3 >= 3 ==> bool true
1 < 1.5 ==> bool true
1u < 2 ==> bool true
-1 < 1u ==> bool true
2.5 > 2u ==> bool true
9223372036854775807 < 9223372036854775808.0 ==> bool true
'a' < 'b' ==> bool true
'B' < 'a' ==> bool true
b'a' < b'b' ==> bool true
false < true ==> bool true
1 < 'a' ==> ! no such overload: _<_(int, string)
[1] < [2] ==> ! no such overload
1 == 1.0 ==> bool true
1 == 1u ==> bool true
1u == 1.0 ==> bool true
1 == 1.5 ==> bool false
1 == 'a' ==> bool false
1 != 'a' ==> bool true
null == null ==> bool true
null == 0 ==> bool false
[1, 2] == [1.0, 2u] ==> bool true
[1] == [1, 2] ==> bool false
{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1u} ==> bool true
{'a': 1} == {'b': 1} ==> bool false
double('NaN') == double('NaN') ==> bool false
double('NaN') < 1.0 ==> bool false
double('NaN') >= 1.0 ==> bool false
b'a' == 'a' ==> bool false
true == true ==> bool true
type(1) == int ==> bool true

# ---- logic ----
true && false ==> bool false
true || false ==> bool true
!true ==> bool false
!!true ==> bool true
false && 1 / 0 == 1 ==> bool false
1 / 0 == 1 && false ==> bool false
true || 1 / 0 == 1 ==> bool true
1 / 0 == 1 || true ==> bool true
1 / 0 == 1 || false ==> ! division by zero
1 / 0 == 1 && true ==> ! division by zero
1 && true ==> ! no such overload: _&&_(int)
1 || true ==> bool true
'x' || false ==> ! no such overload
true ? 1 : 2 ==> int 1
false ? 1 : 2 ==> int 2
false ? 1 : true ? 2 : 3 ==> int 2
true ? 1 : 1 / 0 ==> int 1
1 ? 2 : 3 ==> ! no such overload: _?_:_(int)
1 < 2 && 2 < 3 || false ==> bool true
true || false && false ==> bool true
a.b && ==> ! 1:7: syntax error: the expression ends where a value is expected

# ---- membership ----
1 in [1, 2] ==> bool true
3 in [1, 2] ==> bool false
1.0 in [1, 2] ==> bool true
'a' in {'a': 1} ==> bool true
'b' in {'a': 1} ==> bool false
2 in {1: 'x', 2u: 'y'} ==> bool true
'a' in 'abc' ==> ! no such overload: @in(string)
!('x' in ['y']) ==> bool true

# ---- fields and indexes ----
metadata.name ==> string demo
metadata.generation ==> int 3
status.observedGeneration == metadata.generation ==> bool true
status.ratio ==> double 0.5
status.conditions[0].type ==> string Ready
status.conditions[1]['reason'] ==> string Waiting
status.missing ==> ! 1:7: no such key: missing
status['missing'] ==> ! no such key: missing
status.conditions[5] ==> ! index out of bounds: 5
status.conditions[-1] ==> ! index out of bounds: -1
status.conditions['x'] ==> ! no such overload
status.conditions[0.5] ==> ! no such overload
status.conditions[0.0].type ==> string Ready
nothing ==> ! 1:1: no such attribute(s): nothing
metadata.name.first ==> ! no such overload: select(string)
has(status.conditions) ==> bool true
has(status.missing) ==> bool false
has(status.missing.deeper) ==> ! no such key: missing
has(metadata.labels.app) ==> bool true
has(metadata.name) && metadata.name == 'demo' ==> bool true
has(status) ==> ! invalid argument to has() macro
has(status.a, status.b) ==> ! invalid argument to has() macro
metadata.labels['app.kubernetes.io/name'] ==> string web
spec.enabled ==> bool true
spec.nothing == null ==> bool true
spec.list[1] ==> int 2
spec.true ==> ! the name of a field
if ==> ! 'if' is a reserved word
spec.namespace ==> string web

# ---- macros ----
[1, 2, 3].all(x, x > 0) ==> bool true
[1, 2, 3].all(x, x > 1) ==> bool false
[].all(x, x) ==> bool true
[1, 2, 3].exists(x, x == 2) ==> bool true
[].exists(x, x) ==> bool false
[1, 2, 3].exists_one(x, x > 2) ==> bool true
[1, 2, 3].exists_one(x, x > 1) ==> bool false
[1, 2, 3].existsOne(x, x > 2) ==> bool true
[1, 2, 3].map(x, x * 2) ==> list [2, 4, 6]
[1, 2, 3].map(x, x > 1, x * 2) ==> list [4, 6]
[1, 2, 3].filter(x, x % 2 == 1) ==> list [1, 3]
{'a': 1, 'b': 2}.all(k, k < 'c') ==> bool true
{'a': 1, 'b': 2}.map(k, k + '!') ==> list [a!, b!]
{'a': 1, 'b': 2}.exists(k, k == 'b') ==> bool true
[0, 1].all(x, 1 / x > 5) ==> bool false
[0, 1].exists(x, 1 / x == 1) ==> bool true
[0, 2].exists(x, 1 / x == 1) ==> ! division by zero
[0, 1].exists_one(x, 1 / x == 1) ==> ! division by zero
[1, 'a'].all(x, x > 0) ==> ! no such overload
[1].map(x, [x].map(x, x + 1)) ==> list [[2]]
[1].map(x, [2].map(y, x + y)) ==> list [[3]]
[1].filter(x, x) ==> ! no such overload: bool(int)
1.all(x, x) ==> ! no such overload
[1].all(1, true) ==> ! the first argument of all is the name of a variable
status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True') ==> bool true
status.conditions.exists(e, e.type == 'Synced' && e.status == 'False') ==> bool true
status.conditions.map(c, c.type).join(',') ==> string Ready,Synced

# ---- texts ----
size('abc') ==> int 3
'héllo'.size() ==> int 5
size(b'h\xc3\xa9') ==> int 3
size([1, 2]) ==> int 2
size({'a': 1}) ==> int 1
size(1) ==> ! no such overload: size(int)
'abc'.contains('b') ==> bool true
'abc'.startsWith('ab') ==> bool true
'abc'.endsWith('bc') ==> bool true
'abc'.endsWith('abcd') ==> bool false
'abc'.matches('^a.c$') ==> bool true
matches('abc', 'b') ==> bool true
'abc'.matches('^b') ==> bool false
'abc'.matches('(') ==> ! missing closing )
'héllo'.charAt(1) ==> string é
'abc'.charAt(3) ==> string
'abc'.charAt(4) ==> ! index out of range: 4
'abcabc'.indexOf('c') ==> int 2
'abcabc'.indexOf('c', 3) ==> int 5
'héé'.indexOf('é', 2) ==> int 2
'abc'.indexOf('x') ==> int -1
'abc'.indexOf('') ==> int 0
'abcabc'.lastIndexOf('b') ==> int 4
'abcabc'.lastIndexOf('b', 3) ==> int 1
'abc'.lastIndexOf('x') ==> int -1
'ABC é'.lowerAscii() ==> string abc é
'abc é'.upperAscii() ==> string ABC é
'abcabc'.replace('b', 'X') ==> string aXcaXc
'abcabc'.replace('b', 'X', 1) ==> string aXcabc
'abc'.replace('', '_') ==> string _a_b_c_
'abc'.replace('x', 'y') ==> string abc
'a,b,c'.split(',') ==> list [a, b, c]
'a,b,c'.split(',', 2) ==> list [a, b,c]
'a,b,c'.split(',', 0) ==> list []
'a,b,c'.split(',', 1) ==> list [a,b,c]
'héy'.split('') ==> list [h, é, y]
''.split(',') ==> list []
['a', 'b'].join('-') ==> string a-b
['a', 'b'].join() ==> string ab
[1].join() ==> ! no such overload: join of a int
'abcd'.substring(1) ==> string bcd
'abcd'.substring(1, 3) ==> string bc
'abcd'.substring(3, 1) ==> ! invalid substring range. start: 3, end: 1
'abcd'.substring(5) ==> ! index out of range: 5
'  a b \n'.trim() ==> string a b
'\u00a0\u3000x'.trim() ==> string x
'héy'.reverse() ==> string yéh
strings.quote('a"b\n') ==> string "a\"b\n"
'%s has %d of %x'.format(['web', 3, 255]) ==> string web has 3 of ff
'%.2f %e'.format([1.005, 12345.678]) ==> string 1.00 1.234568e+04
'%b %o %X %%'.format([5, 8, 'hi']) ==> string 101 10 6869 %
'%s'.format([[1, 'a', {'k': null}]]) ==> string [1, a, {k: null}]
'%d'.format(['a']) ==> ! a string cannot be written as %d
'%s'.format([]) ==> ! index 0 out of range
'%q'.format([1]) ==> ! unrecognized formatting clause "q"
base64.encode(b'hello') ==> string aGVsbG8=
base64.decode('aGVsbG8=') ==> bytes hello
base64.decode('aGVsbG8') ==> bytes hello
string(base64.decode('aGVsbG8=')) ==> string hello
base64.decode('???') ==> ! 1:7: illegal base64 data

# ---- conversions ----
int('42') ==> int 42
int('x') ==> ! 'x' is no int
int(1.9) ==> int 1
int(-1.9) ==> int -1
int(1e30) ==> ! integer overflow
int(7u) ==> int 7
int(18446744073709551615u) ==> ! integer overflow
uint(7) ==> uint 7
uint(-1) ==> ! unsigned integer overflow
uint('7') ==> uint 7
uint(7.9) ==> uint 7
double(1) ==> double 1
double('1.5') ==> double 1.5
double('-.5') ==> double -0.5
double('x') ==> ! 'x' is no double
double('--1') ==> ! is no double
string(1) ==> string 1
string(1u) ==> string 1
string(1.5) ==> string 1.5
string(true) ==> string true
string(b'abc') ==> string abc
string(b'\xff') ==> ! the bytes are not UTF-8
string([1]) ==> ! no such overload: string(list)
bytes('abc') ==> bytes abc
bool('true') ==> bool true
bool('False') ==> bool false
bool('yes') ==> ! 'yes' is no bool
dyn(1) ==> int 1
type('a') ==> type string
type(null) ==> type null_type
type([1]) == list ==> bool true
type(type(1)) == type ==> bool true
type(timestamp('2026-01-01T00:00:00Z')) == google.protobuf.Timestamp ==> bool true

# ---- time ----
duration('1h30m') ==> google.protobuf.Duration 5400s
duration('1h') + duration('30m') == duration('90m') ==> bool true
duration('1h') - duration('90m') ==> google.protobuf.Duration -1800s
-duration('1s') ==> google.protobuf.Duration -1s
string(duration('1.5s')) ==> string 1.5s
duration('.0000000000000000000000000000000000000000000000000000000000001s') ==> google.protobuf.Duration 0s
duration('1.0000000000000000019999999999999999999999999999999999999999h') ==> google.protobuf.Duration 3600s
duration('x') ==> ! 'x' is no duration
duration('90m').getHours() ==> int 1
duration('90m').getMinutes() ==> int 90
duration('90s').getSeconds() ==> int 90
duration('1.234s').getMilliseconds() ==> int 1234
duration('1m') < duration('1h') ==> bool true
timestamp('2026-03-04T05:06:07Z') ==> google.protobuf.Timestamp 2026-03-04T05:06:07Z
timestamp('2026-03-04T05:06:07.089+02:00') ==> google.protobuf.Timestamp 2026-03-04T03:06:07.089Z
timestamp('0001-01-01T00:00:00Z') ==> google.protobuf.Timestamp 0001-01-01T00:00:00Z
timestamp('9999-12-31T23:59:59Z') + duration('1s') ==> ! timestamp overflow
timestamp('2026-02-30T00:00:00Z') ==> ! is no timestamp
timestamp('2026-03-04') ==> ! is no timestamp
timestamp(0) ==> google.protobuf.Timestamp 1970-01-01T00:00:00Z
int(timestamp('2001-09-09T01:46:40Z')) ==> int 1000000000
timestamp('2026-03-04T00:00:00Z') + duration('36h') ==> google.protobuf.Timestamp 2026-03-05T12:00:00Z
duration('-36h') + timestamp('2026-03-01T00:00:00Z') ==> google.protobuf.Timestamp 2026-02-27T12:00:00Z
timestamp('2026-03-04T00:00:00Z') - timestamp('2026-03-03T00:00:00Z') ==> google.protobuf.Duration 86400s
timestamp('2026-03-04T00:00:00Z') - duration('1s') ==> google.protobuf.Timestamp 2026-03-03T23:59:59Z
timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z') ==> ! duration overflow
timestamp('2026-03-04T05:06:07Z') > timestamp('2026-03-04T05:06:06.999Z') ==> bool true
timestamp('2024-12-31T05:06:07.089Z').getFullYear() ==> int 2024
timestamp('2024-12-31T05:06:07.089Z').getMonth() ==> int 11
timestamp('2024-12-31T05:06:07.089Z').getDate() ==> int 31
timestamp('2024-12-31T05:06:07.089Z').getDayOfMonth() ==> int 30
timestamp('2024-12-31T05:06:07.089Z').getDayOfYear() ==> int 365
timestamp('2024-12-29T05:06:07.089Z').getDayOfWeek() ==> int 0
timestamp('2024-12-31T05:06:07.089Z').getHours() ==> int 5
timestamp('2024-12-31T05:06:07.089Z').getHours('-06:00') ==> int 23
timestamp('2024-12-31T05:06:07.089Z').getHours('02:30') ==> int 7
timestamp('2024-12-31T05:06:07.089Z').getMinutes() ==> int 6
timestamp('2024-12-31T05:06:07.089Z').getSeconds() ==> int 7
timestamp('2024-12-31T05:06:07.089Z').getMilliseconds() ==> int 89
timestamp('2024-12-31T05:06:07.089Z').getHours('Mars/Base') ==> ! the time zone 'Mars/Base' is not known
timestamp(status.since) < timestamp('2026-06-01T00:00:00Z') ==> bool true

# ---- optional values and sets ----
status.?missing.orValue('none') ==> string none
status.?ratio.orValue(1.0) ==> double 0.5
status.?missing.deeper.still.hasValue() ==> bool false
status[?'ratio'].value() ==> double 0.5
spec.list[?7].orValue(0) ==> int 0
spec.list[?1].orValue(0) ==> int 2
optional.of(1).value() ==> int 1
optional.none().value() ==> ! optional.none() dereference
optional.ofNonZeroValue('').hasValue() ==> bool false
optional.ofNonZeroValue('x').hasValue() ==> bool true
optional.none().or(optional.of(2)).value() ==> int 2
optional.of(2).optMap(x, x * 2).value() ==> int 4
optional.none().optMap(x, x * 2).hasValue() ==> bool false
optional.of(2).optFlatMap(x, optional.of(x + 1)).value() ==> int 3
optional.of(1) == optional.of(1.0) ==> bool true
optional.none() == optional.none() ==> bool true
[1, ?optional.none(), ?optional.of(3)] ==> list [1, 3]
[?optional.of(0)] ==> list [0]
{?'a': optional.none(), ?'b': optional.of(1)} ==> map {b: 1}
[?1] ==> ! no such overload: optional(int)
[optional.of(1), optional.none()].unwrapOpt() ==> list [1]
[1, 2].first().value() ==> int 1
[].last().hasValue() ==> bool false
has(status.?missing.deeper) ==> bool false
sets.contains([1, 2, 3], [2, 3.0]) ==> bool true
sets.contains([1], [2]) ==> bool false
sets.equivalent([1, 2, 2], [2, 1]) ==> bool true
sets.intersects([1, 2], [2, 3]) ==> bool true
sets.intersects([1], []) ==> bool false

# ---- shape ----
 ==> ! 1:1: syntax error: the expression ends where a value is expected
1 2 ==> ! 1:3: syntax error: '2' stands where an operator or the end is expected
(1 ==> ! 1:3: syntax error: the expression ends where ')' is expected
[1, ==> ! a value is expected
[1,] ==> list [1]
{'a' 1} ==> ! '1' stands where ':' is expected
f(1,) ==> ! another argument is expected
f(1) ==> ! no such overload: f
'a'.f() ==> ! no such overload: f
a..b ==> ! the name of a field
Foo{a: 1} ==> ! an operator or the end is expected
.metadata.name ==> string demo

# ---- checked ----
check: true ==> bool
check: req.flag ==> dyn
check: req.flag == true ==> bool
check: req.a && req.b ==> bool
check: has(req.a) ==> bool
check: 'a' ==> string
check: req ==> map
check: req.a.b.c ==> dyn
check: req.items.all(i, i.ok) ==> bool
check: req.items.exists(i, i.name == res.metadata.name) ==> bool
check: [1, 2].map(x, x * 2)[0] ==> int
check: req.n + 1 ==> int
check: req.a.startsWith('x') ==> bool
check: req.a + req.b ==> dyn
check: req.t ? true : false ==> bool
check: req.t ? req.x : false ==> dyn
check: optional.of(true).orValue(false) ==> bool
check: req.?x.orValue(true) ==> dyn
check: size(req.x) ==> int
check: res.metadata.name in ['a', 'b'] ==> bool
check: claims.sub == 'x' ==> ! 1:1: undeclared reference to 'claims' (in container '')
check: req.items.all(i, j) ==> ! undeclared reference to 'j'
check: f(1) ==> ! undeclared reference to 'f'
check: req == 'bar' ==> ! 1:5: found no matching overload for '_==_' applied to '(map(string, dyn), string)'
check: 1 + 'a' ==> ! found no matching overload for '_+_' applied to '(int, string)'
check: 'a'.startsWith(1) ==> ! found no matching overload for 'startsWith' applied to 'string.(int)'
check: 1 && true ==> ! found no matching overload for '_&&_' applied to '(int, bool)'
check: !'a' ==> ! found no matching overload for '!_'
check: 'a'.b ==> ! type 'string' does not support field selection
check: [1, 'a'] ==> ! expected type 'int' but found 'string'
check: 1.all(x, true) ==> ! cannot be range of a comprehension
check: [1].all(x, x) ==> ! expected type 'bool' but found 'int'
check: true ? 1 : 'a' ==> ! found no matching overload for '_?_:_'
check: type(req) == map ==> bool
