/* SPDX-License-Identifier: Apache-2.0 */
/* wronglayout.c -- takes the place of the jemalloc plugin's layout.c in a plugin built for a test:
 * the same tables, cut down to one version (HW_JE_VERSION) and one shape of the radix tree
 * (HW_JE_SHAPE). tests/oracle/wrong.py gives every core the tables of other versions. With
 * HW_JE_LIST it names what there is on stderr. */
#define extent_layouts       all_extents
#define extent_layout_count  all_extent_count
#define version_layouts      all_versions
#define version_layout_count all_version_count
#define rtree_shapes         all_shapes
#define rtree_shape_count    all_shape_count
#include "../../plugins/jemalloc/layout.c"
#undef extent_layouts
#undef extent_layout_count
#undef version_layouts
#undef version_layout_count
#undef rtree_shapes
#undef rtree_shape_count
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names that the plugin's other files refer to; filled before it is asked anything. */
struct extent_layout extent_layouts[1];
uint32_t extent_layout_count = 1;
struct version_layout version_layouts[1];
uint32_t version_layout_count = 1;
struct rtree_shape rtree_shapes[2];
uint32_t rtree_shape_count;

__attribute__((constructor)) static void choose(void)
{
	const char *version = getenv("HW_JE_VERSION"), *shape = getenv("HW_JE_SHAPE");

	for (uint32_t i = 0; i < all_version_count; i++) {
		if (getenv("HW_JE_LIST"))
			fprintf(stderr, "%s extents of %s\n", all_versions[i].version,
				all_extents[all_versions[i].extent].versions);
		if (!version || strcmp(version, all_versions[i].version) != 0)
			continue;
		version_layouts[0] = all_versions[i];
		extent_layouts[0] = all_extents[all_versions[i].extent];
		version_layouts[0].extent = 0;
	}
	for (uint32_t i = 0; i < all_shape_count; i++)
		if (!shape || strcmp(shape, all_shapes[i].name) == 0)
			rtree_shapes[rtree_shape_count++] = all_shapes[i];
	if (!version_layouts[0].version || !rtree_shape_count) {
		version_layout_count = extent_layout_count = rtree_shape_count = 0;
		if (!getenv("HW_JE_LIST"))
			abort(); /* The test asks for what is not there. */
	}
}
