/* SPDX-License-Identifier: Apache-2.0 */
/* typereport.c -- the report `types`: the type descriptors of the program. */
#include "reports.h"
#include "types.h"

static const char *const kinds[] = {[GO_KIND_BOOL] = "bool",
				    [GO_KIND_INT] = "int",
				    [GO_KIND_INT8] = "int8",
				    [GO_KIND_INT16] = "int16",
				    [GO_KIND_INT32] = "int32",
				    [GO_KIND_INT64] = "int64",
				    [GO_KIND_UINT] = "uint",
				    [GO_KIND_UINT8] = "uint8",
				    [GO_KIND_UINT16] = "uint16",
				    [GO_KIND_UINT32] = "uint32",
				    [GO_KIND_UINT64] = "uint64",
				    [GO_KIND_UINTPTR] = "uintptr",
				    [GO_KIND_FLOAT32] = "float32",
				    [GO_KIND_FLOAT64] = "float64",
				    [GO_KIND_COMPLEX64] = "complex64",
				    [GO_KIND_COMPLEX128] = "complex128",
				    [GO_KIND_ARRAY] = "array",
				    [GO_KIND_CHAN] = "chan",
				    [GO_KIND_FUNC] = "func",
				    [GO_KIND_INTERFACE] = "interface",
				    [GO_KIND_MAP] = "map",
				    [GO_KIND_POINTER] = "ptr",
				    [GO_KIND_SLICE] = "slice",
				    [GO_KIND_STRING] = "string",
				    [GO_KIND_STRUCT] = "struct",
				    [GO_KIND_UNSAFEPOINTER] = "unsafe.Pointer"};

static void emit_type(struct go_types *types, const struct go_desc *desc, const struct hw_emit *out)
{
	const struct go_slot *slots;
	char package[512];
	uint64_t pointers = 0;
	uint32_t count;
	const bool is_known = go_desc_slots(types, desc, &slots, &count);

	for (uint32_t i = 0; is_known && i < count; i++)
		pointers += slots[i].count;
	out->row(out->self,
		 (struct hw_value[]){hw_address(desc->head.addr), hw_text(kinds[desc->head.kind]),
				     hw_size(desc->head.size), hw_size(desc->head.ptrdata),
				     is_known ? hw_count(pointers) : hw_null(), hw_text(desc->name),
				     go_desc_package(types, desc, package, sizeof(package))
					 ? hw_text(package)
					 : hw_null()});
}

bool go_report_types(void *handle, const struct hw_emit *out)
{
	static const struct hw_column columns[] = {
	    {"address", "address", HW_KIND_ADDR, 0},
	    {"kind", "kind", HW_KIND_TEXT, 0},
	    {"size", "size", HW_KIND_SIZE, 0},
	    {"pointer_bytes", NULL, HW_KIND_SIZE, HW_COLUMN_JSON},
	    {"pointers", "pointers", HW_KIND_COUNT, 0},
	    {"name", "name", HW_KIND_TEXT, 0},
	    {"package", "package", HW_KIND_TEXT, 0},
	};
	const struct go_runtime *rt = go_reported(handle, out);
	struct go_types *types = rt ? go_types_new(rt) : NULL;
	bool ok = types && go_types_scan(types);

	if (!rt)
		return true;
	if (!ok)
		rt->host->fail(rt->host->self, rt->host->stopped(rt->host->self)
						   ? "stopped"
						   : "no memory for the types");
	if (ok) {
		out->field(out->self, "total", "types", hw_count(go_types_count(types)));
		out->table(out->self, "types", NULL, columns, sizeof(columns) / sizeof(*columns));
		for (uint32_t i = 1; i <= go_types_count(types); i++)
			emit_type(types, go_types_index(types, i), out);
		out->table_end(out->self);
	}
	go_types_free(types);
	return ok;
}
