// Judges objects as GitOps tools do, with the interpreters that they embed: Argo CD's of Lua (gopher-lua)
// and Flux's of CEL (cel-go).
//
//	gitops lua FILE < OBJECTS       health and message of each object, tab-separated
//	gitops action FILE < OBJECTS    what the script returns for each object, in JSON
//	gitops cel EXPR < OBJECTS       true or false for each object
//
// Standard input has one object in JSON a line; a line of output belongs to each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	lua "github.com/yuin/gopher-lua"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "version" {
		fmt.Println("gitops 1.0")
		return nil
	}
	if len(args) != 2 {
		return fmt.Errorf("usage: gitops lua FILE | action FILE | cel EXPR")
	}
	judge, err := judgeOf(args[0], args[1])
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var object map[string]any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			return err
		}
		told, err := judge(object)
		if err != nil {
			return fmt.Errorf("%w, for %s", err, lines.Text())
		}
		fmt.Println(told)
	}
	return lines.Err()
}

type judgement func(object map[string]any) (string, error)

func judgeOf(language, source string) (judgement, error) {
	switch language {
	case "lua", "action":
		script, err := os.ReadFile(source)
		return func(object map[string]any) (string, error) {
			told, err := evaluate(string(script), object)
			if err != nil || language == "lua" {
				return health(told), err
			}
			returned, err := json.Marshal(plain(told))
			return string(returned), err
		}, err
	case "cel":
		return expression(source)
	default:
		return nil, fmt.Errorf("no language %q", language)
	}
}

// As Argo CD does: the object is the global `obj`, the script returns a table, and no library can reach out. Only these
// are there, unless somebody sets useOpenLibs; of `os` there are time and date.
func evaluate(script string, object map[string]any) (*lua.LTable, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		state.Push(state.NewFunction(library.open))
		state.Push(lua.LString(library.name))
		state.Call(1, 0)
	}
	state.PreloadModule(lua.OsLibName, clock)
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	told, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script returned no table")
	}
	return told, nil
}

func health(told *lua.LTable) string {
	if told == nil {
		return ""
	}
	return fmt.Sprintf("%s\t%s", told.RawGetString("status"), told.RawGetString("message"))
}

// Argo CD's `os`, as far as the scripts use it: a date in UTC.
func clock(state *lua.LState) int {
	state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"date": func(state *lua.LState) int {
			if format := state.CheckString(1); format != "!%Y-%m-%dT%H:%M:%SZ" {
				state.RaiseError("no date in the format %q", format)
			}
			state.Push(lua.LString(time.Now().UTC().Format(time.RFC3339)))
			return 1
		},
	}))
	return 1
}

// What a script returned, for JSON. A table with numbered items is a list.
func plain(from lua.LValue) any {
	table, ok := from.(*lua.LTable)
	if !ok {
		switch from := from.(type) {
		case lua.LBool:
			return bool(from)
		case lua.LNumber:
			return float64(from)
		case lua.LString:
			return string(from)
		default:
			return nil
		}
	}
	if table.MaxN() > 0 {
		list := []any{}
		table.ForEach(func(_, item lua.LValue) { list = append(list, plain(item)) })
		return list
	}
	object := map[string]any{}
	table.ForEach(func(name, item lua.LValue) { object[name.String()] = plain(item) })
	return object
}

func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case bool:
		return lua.LBool(from)
	case float64:
		return lua.LNumber(from)
	case string:
		return lua.LString(from)
	case []any:
		table := state.NewTable()
		for _, item := range from {
			table.Append(value(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, item := range from {
			table.RawSetString(name, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// As Flux does: the top level of the object are the variables, and the answer is a boolean.
func expression(source string) (judgement, error) {
	options := []cel.EnvOption{cel.OptionalTypes(), ext.Strings()}
	for _, name := range []string{"apiVersion", "kind", "metadata", "spec", "status"} {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := env.Program(ast)
	if err != nil {
		return nil, err
	}
	return func(object map[string]any) (string, error) {
		answer, _, err := program.Eval(object)
		if err != nil {
			return "", err
		}
		if _, ok := answer.Value().(bool); !ok {
			return "", fmt.Errorf("the answer is %v", answer)
		}
		return fmt.Sprint(answer.Value()), nil
	}, nil
}
