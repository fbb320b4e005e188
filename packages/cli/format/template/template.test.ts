import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zeroOf } from '../zero.ts'
import { headerFunctions } from './functions.ts'
import { Template } from './template.ts'
import { asStruct } from './value.ts'

const data = {
  Name: 'web',
  State: { Running: true, Status: 'running', Pid: 12 },
  List: ['a', 'b', 'c'],
  Labels: { b: '2', a: '1' },
  Empty: [],
  Num: 5,
  Big: 9223372036854775807n,
  Nested: [{ x: 1 }, { x: 'y' }],
}

const render = (source: string): string => new Template(source).execute(data, { strict: true })

// Every expectation below is what Go's text/template answers for the same data.
const golden: Array<[source: string, expected: string]> = [
  ['{{.Name}}', 'web'],
  ['{{.State}}', 'map[Pid:12 Running:true Status:running]'],
  ['{{.List}} {{.Num}} {{.Big}}', '[a b c] 5 9223372036854775807'],
  ['{{range .List}}{{.}},{{end}}', 'a,b,c,'],
  ['{{range $i, $e := .List}}{{$i}}={{$e}};{{end}}', '0=a;1=b;2=c;'],
  ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a=1;b=2;'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{range .List}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
  ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', 'ac'],
  ['{{range $i := 3}}{{$i}}{{end}}', '012'],
  ['{{if not .State.Running}}a{{else if .Name}}b{{else}}c{{end}}', 'b'],
  ['{{with $x := .Name}}{{$x}}{{end}}{{with .Empty}}x{{else}}-{{end}}', 'web-'],
  ['{{$x := 5}}{{$x}}{{$x = 6}}{{$x}}', '56'],
  ['{{index .List 0}} {{index .Nested 0 "x"}} {{(index .Nested 1).x}}', 'a 1 y'],
  ['{{len .List}} {{len .Name}} {{.List | len}}', '3 3 3'],
  ['{{printf "%s-%v %q" .Name .State.Running "a"}}', 'web-true "a"'],
  ['{{printf "%5s|%-5s|%05d|%x|%o" "ab" "cd" 42 255 8}}', '   ab|cd   |00042|ff|10'],
  ['{{printf "%.2f %e %g" 3.14159 1234.5 0.1}}', '3.14 1.234500e+03 0.1'],
  [
    '{{printf "%d"}} {{printf "%d" "x"}} {{printf "x" 5}}',
    '%!d(MISSING) %!d(string=x) x%!(EXTRA int=5)',
  ],
  ['{{print "a" "b" 1 2 "c"}}{{println "a" 1}}', 'ab1 2ca 1\n'],
  ['{{eq .Name "x" "web"}} {{ne 1 2}} {{lt 1 2}} {{ge 1 2}}', 'true true true false'],
  ['{{and 1 0}} {{or 0 "x"}} {{not 1}}', '0 x false'],
  ['{{if and .Name (eq .State.Status "running")}}up{{end}}', 'up'],
  ['{{.Name | upper | printf "%s!"}}', 'WEB!'],
  ['{{join .List ","}} {{split "a,b" ","}} {{title "hello world"}}', 'a,b,c [a b] Hello World'],
  ['{{pad "x" 1 2}}|{{truncate "hello" 3}}|{{lower "AB"}}', ' x  |hel|ab'],
  ['{{json .List}} {{json "a<b>&"}} {{json .Big}}', '["a","b","c"] "a<b>&" 9223372036854775807'],
  ['{{/* c */}}x\n  {{- .Name -}}  y', 'xweby'],
  ['a {{- "b" }} c', 'ab c'],
  ['{{"q \\"x\\" \\t"}}{{`raw \\n`}}', 'q "x" \traw \\n'],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}', '<web>'],
  ['{{$.Name}}{{range .List}}{{$.Num}}{{end}}', 'web555'],
  ['{{html "<a&b>"}} {{urlquery "a b&c"}} {{slice "hello" 1 3}}', '&lt;a&amp;b&gt; a+b%26c el'],
]

for (const [source, expected] of golden) {
  test(source, () => assert.equal(render(source), expected))
}

const failing: Array<[source: string, message: string]> = [
  [
    '{{.Missing}}',
    'template: :1:2: executing "" at <.Missing>: map has no entry for key "Missing"',
  ],
  [
    '{{.State.Health.Status}}',
    'template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health"',
  ],
  [
    '{{index .List 10}}',
    'template: :1:2: executing "" at <index .List 10>: error calling index: index out of range: 10',
  ],
  ['{{.Name', 'template: :1: unclosed action'],
  ['{{if .Name}}', 'template: :1: unexpected EOF'],
  ['{{end}}', 'template: :1: unexpected {{end}}'],
  ['{{nosuch .Name}}', 'template: :1: function "nosuch" not defined'],
  ['{{$nope}}', 'template: :1: undefined variable "$nope"'],
]

for (const [source, message] of failing) {
  test(`${source} fails`, () => assert.throws(() => render(source), { message }))
}

test('known fields that the API leaves out have the zero value of their type', () => {
  const inspect = (source: string): string =>
    new Template(source).execute({ State: {}, Config: { Labels: null } }, { strict: true, zeroOf })
  assert.equal(inspect('{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}'), 'none')
  assert.equal(
    inspect('{{.Config.Labels}} {{len .Config.Labels}} {{json .Config.Labels}}'),
    'map[] 0 null',
  )
  assert.equal(inspect('{{.Mounts}}{{range .Mounts}}x{{end}}{{index .Config.Labels "a"}}'), '[]')
})

test('fields by the names of Go, and chains through what is not there', () => {
  const inspect = (source: string): string =>
    new Template(source).execute({ Id: 'abc', State: {} }, { strict: true, zeroOf })
  assert.equal(inspect('{{.ID}} {{.Id}}'), 'abc abc')
  assert.throws(() => inspect('{{.State.Health.Status}}'), {
    message:
      'template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health"',
  })
})

test('methods take arguments; structs refuse unknown fields', () => {
  const row = asStruct({ ID: () => 'abc', Label: (name: unknown) => `<${String(name)}>` })
  const options = { typeName: '*formatter.Row' }
  assert.equal(new Template('{{.ID}} {{.Label "x"}}').execute(row, options), 'abc <x>')
  assert.equal(new Template('{{json .}}').execute(row, options), '{"ID":"abc"}')
  assert.throws(() => new Template('{{.Foo}}').execute(row, options), {
    message:
      'template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.Row',
  })
})

test('titles of columns pass through functions unchanged', () => {
  const titles = new Template('{{upper .Name}} {{json .Id}} {{truncate .Id 1}}')
  assert.equal(
    titles.execute({ Name: 'Name', Id: 'Id' }, { functions: headerFunctions }),
    'Name Id Id',
  )
})

test('what a row gives to templates: counted arguments, JSON as Go writes it', () => {
  const row = asStruct({
    Ports: () => '1->2 & 3',
    Label: (name: unknown) => `label ${String(name)}`,
  })
  const run = (source: string): string => new Template(source).execute(row)
  assert.equal(run('{{json .}}'), '{"Ports":"1-\\u003e2 \\u0026 3"}')
  assert.equal(run('{{json .Ports}} {{.Label "a"}}'), '"1->2 & 3" label a')
  assert.throws(() => run('{{.Label}}'), {
    message:
      'template: :1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 0',
  })
  assert.throws(() => run('{{.Ports 1}}'), /wrong number of args for Ports: want 0 got 1/)
  assert.throws(() => run('{{nil}}'), /nil is not a command/)
  assert.equal(run('{{js "a\'b"}}'), "a\\'b")
})
