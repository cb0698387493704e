// Judges objects as GitOps tools do, with the interpreters that they embed: Argo CD's of Lua (gopher-lua)
// and Flux's of CEL (cel-go).
//
//	gitops lua FILE < OBJECTS    health and message of each object, tab-separated
//	gitops cel EXPR < OBJECTS    true or false for each object
//
// Standard input has one object in JSON a line; a line of output belongs to each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

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
		return fmt.Errorf("usage: gitops lua FILE | cel EXPR")
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
	case "lua":
		script, err := os.ReadFile(source)
		return func(object map[string]any) (string, error) { return health(string(script), object) }, err
	case "cel":
		return expression(source)
	default:
		return nil, fmt.Errorf("no language %q", language)
	}
}

// As Argo CD does: the object is the global `obj`, the script returns a table, and no library can reach out.
func health(script string, object map[string]any) (string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return "", err
	}
	told, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", fmt.Errorf("the script returned no table")
	}
	return fmt.Sprintf("%s\t%s", told.RawGetString("status"), told.RawGetString("message")), nil
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
