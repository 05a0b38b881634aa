package main

import (
	"context"
	"fmt"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/vision/models"
)

// faceModels is `nightjar models VERB dlib`: its files lie in a folder of their own. It reports false for any other name.
func faceModels(ctx context.Context, e env, cfg *config.Config, verb, name string) (bool, error) {
	g, store := models.Dlib(), models.New(cfg.FaceModelsPath(), nil)
	if name != g.Name {
		return false, nil
	}
	switch verb {
	case "pull":
		if err := store.PullGroup(ctx, g, progress(e, g.Name)); err != nil {
			return true, err
		}
		fmt.Fprintf(e.out, "models %s are in %s\n", g.Name, store.Dir())
		return true, nil
	case "verify":
		state, err := store.VerifyGroup(g)
		if err != nil {
			return true, err
		}
		fmt.Fprintf(e.out, "models %s: %s %s\n", g.Name, state, store.Dir())
		if state != models.Verified {
			return true, fmt.Errorf("models %s are %s; fetch them with: nightjar models pull %s", g.Name, state, g.Name)
		}
		return true, nil
	}
	return true, fmt.Errorf("%w: models %s %s", errUsage, verb, name)
}

// faceModelsRow is the group's line of `nightjar models list`.
func faceModelsRow(cfg *config.Config) (string, error) {
	g, store := models.Dlib(), models.New(cfg.FaceModelsPath(), nil)
	state, err := store.VerifyGroup(g)
	if err != nil {
		return "", err
	}
	how := "nightjar models pull " + g.Name
	if state == models.Verified {
		how = store.Dir()
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", g.Name, state, g.Licence, "faces", how), nil
}
