/* SPDX-License-Identifier: Apache-2.0 */
/* labels.h -- the labels of one goroutine. */
#ifndef GO_LABELS_H
#define GO_LABELS_H
#include "go.h"

enum { GO_LABELS_MAX = 64, GO_LABEL_BYTES = 256 }; /* Longer strings are cut. */

struct go_labels {
	uint32_t count;
	struct hw_label labels[GO_LABELS_MAX]; /* Into keys and values. */
	char keys[GO_LABELS_MAX][GO_LABEL_BYTES];
	char values[GO_LABELS_MAX][GO_LABEL_BYTES];
};

/* labels: g.labels, or 0. At most GO_LABELS_MAX of them; what cannot be read is left out. */
void go_labels_read(const struct go_runtime *rt, hw_addr labels, struct go_labels *to);
#endif
