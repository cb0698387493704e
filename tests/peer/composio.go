package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Composio is the API below baseURL, asked with key.
type Composio struct {
	baseURL string
	key     string
	client  *http.Client
}

// errNotFound: there is no such account.
var errNotFound = errors.New("not found")

// Account is what of an account this operator reads.
type Account struct {
	ID                 string `json:"id"`
	ConnectedAccountID string `json:"connected_account_id"`
	RedirectURL        string `json:"redirect_url"`
	ExpiresAt          string `json:"expires_at"`
	Status             string `json:"status"`
}

func newComposio(baseURL, key string) *Composio {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// As many kept connections as workers, and some for rounding.
	transport.MaxIdleConnsPerHost = 64
	return &Composio{
		baseURL: strings.TrimSuffix(baseURL, "/") + "/api/v3.1/",
		key:     key,
		client:  &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}
}

func (c *Composio) call(ctx context.Context, method, path string, body any) (*Account, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("x-api-key", c.key)
	if body != nil {
		request.Header.Set("content-type", "application/json")
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	account := &Account{}
	if err := json.Unmarshal(text, account); err != nil {
		return nil, err
	}
	return account, nil
}

// link makes an account that waits for its user.
func (c *Composio) link(ctx context.Context, spec Spec) (*Account, error) {
	experimental := map[string]any{"account_type": "PRIVATE"}
	if spec.Visibility == "Shared" {
		experimental["account_type"] = "SHARED"
		if spec.Sharing != nil {
			experimental["acl_config_for_shared"] = map[string]any{"allowed_user_ids": spec.Sharing.AllowedUsers}
		}
	}
	return c.call(ctx, http.MethodPost, "connected_accounts/link", map[string]any{
		"auth_config_id": spec.AuthConfig, "user_id": spec.User, "experimental": experimental,
	})
}

// create makes an account from credentials.
func (c *Composio) create(ctx context.Context, spec Spec, secret map[string][]byte) (*Account, error) {
	val := map[string]any{"status": "ACTIVE"}
	for key, value := range secret {
		val[key] = string(value)
	}
	return c.call(ctx, http.MethodPost, "connected_accounts", map[string]any{
		"auth_config": map[string]any{"id": spec.AuthConfig},
		"connection": map[string]any{
			"user_id": spec.User,
			"state":   map[string]any{"authScheme": spec.Credentials.Scheme, "val": val},
		},
	})
}

func (c *Composio) get(ctx context.Context, id string) (*Account, error) {
	return c.call(ctx, http.MethodGet, "connected_accounts/"+id, nil)
}

func (c *Composio) delete(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "connected_accounts/"+id, nil)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}
