package detect

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// cocoLabels are the 80 classes of COCO in the order every YOLO uses.
const cocoLabels = `person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant stop_sign
parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase
frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass
cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake chair couch potted_plant
bed dining_table toilet tv laptop mouse remote keyboard cell_phone microwave oven toaster sink refrigerator book clock
vase scissors teddy_bear hair_drier toothbrush`

// COCO returns the 80 class names of the COCO data set in class order, words joined by a space.
func COCO() []string {
	names := strings.Fields(cocoLabels)
	for i, n := range names {
		names[i] = strings.ReplaceAll(n, "_", " ")
	}
	return names
}

// namePattern matches one entry of the dictionary that Ultralytics writes into the metadata key "names", in the
// notation of Python: {0: 'person', 1: "driver's door"}.
var namePattern = regexp.MustCompile(`(\d+)\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")`)

// parseNames reads the class names out of model metadata; it returns nil unless there are exactly count of them.
func parseNames(s string, count int) []string {
	if len(s) > 1<<20 {
		return nil
	}
	names := make([]string, count)
	found := 0
	for _, m := range namePattern.FindAllStringSubmatch(s, -1) {
		i, err := strconv.Atoi(m[1])
		if err != nil || i >= count || names[i] != "" {
			return nil
		}
		if names[i] = strings.ReplaceAll(m[2]+m[3], `\`, ""); names[i] == "" {
			return nil
		}
		found++
	}
	if found != count {
		return nil
	}
	return names
}

// readLabels reads a labels file: one name per line in class order; empty lines at the end do not count.
func readLabels(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	defer f.Close()
	var names []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if names = append(names, strings.TrimSpace(s.Text())); len(names) > 10000 {
			return nil, fmt.Errorf("read labels %s: more than 10000 lines", path)
		}
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	return names, nil
}
