/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c -- writes a target as an ELF core: headers and pages. The notes are made in
 * snapshot_notes.c. */
#include "target/snapshot.h"
#include "base/array.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/text.h"
#include "target/live.h"
#include "target/snapshot_notes.h"
#include "target/spool.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE       ((uint64_t)64 << 10)
#define CHECK_EVERY ((uint64_t)64 << 20)
#define PACKED_MOST ((uint64_t)256 << 30) /* A packer has to be fed the holes, too. */

/* Bytes go out by ascending position; what is skipped is zeros. */
struct sink {
	const struct hw_snapshot_options *options;
	struct archive *packer;
	uint64_t at;
	uint64_t checked;
};

static bool fail(const struct sink *sink, int errnum, GError **error)
{
	if (sink->packer)
		g_set_error(error, HW_ERROR, HW_ERROR_TARGET, "%s cannot be written: %s",
			    sink->options->name, archive_error_string(sink->packer));
	else
		hw_error_errno(error, errnum, "%s cannot be written", sink->options->name);
	return false;
}

static bool check_disk(struct sink *sink, uint64_t need, GError **error)
{
	char have[32];
	uint64_t room;

	sink->checked = sink->at;
	if (hw_spool_has_room(sink->options->fd, need, &room))
		return true;
	g_set_error(error, HW_ERROR, HW_ERROR_TARGET,
		    "%s: the disk has only %s left; the snapshot is given up", sink->options->name,
		    hw_text_size(have, sizeof(have), room));
	return false;
}

static bool put(struct sink *sink, const void *bytes, uint64_t size, GError **error)
{
	const uint8_t *from = bytes;

	if (sink->at - sink->checked > CHECK_EVERY && !check_disk(sink, 0, error))
		return false;
	while (size) {
		ssize_t n = sink->packer ? archive_write_data(sink->packer, from, size)
					 : pwrite(sink->options->fd, from, size, (off_t)sink->at);

		if (n < 0 && !sink->packer && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(sink, n < 0 ? errno : ENOSPC, error);
		from += n;
		sink->at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return true;
}

static bool skip_to(struct sink *sink, uint64_t at, GError **error)
{
	static const uint8_t zeros[PIECE];

	if (!sink->packer) {
		sink->at = at;
		return true;
	}
	while (sink->at < at)
		if (!put(sink, zeros, MIN(sizeof(zeros), at - sink->at), error))
			return false;
	return true;
}

static bool open_packer(struct sink *sink, GError **error)
{
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	sink->packer = archive_write_new();
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "core");
	ok = sink->packer && archive_write_add_filter_zstd(sink->packer) == ARCHIVE_OK &&
	     archive_write_set_format_raw(sink->packer) == ARCHIVE_OK &&
	     archive_write_set_bytes_in_last_block(sink->packer, 1) == ARCHIVE_OK &&
	     archive_write_open_fd(sink->packer, sink->options->fd) == ARCHIVE_OK &&
	     archive_write_header(sink->packer, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	return ok || fail(sink, 0, error);
}

static bool close_packer(struct sink *sink, GError **error)
{
	bool ok = !sink->packer || archive_write_close(sink->packer) == ARCHIVE_OK ||
		  fail(sink, 0, error);

	if (sink->packer)
		archive_write_free(sink->packer);
	sink->packer = NULL;
	return ok;
}

/* Program headers: the notes, then every segment. */
static bool put_headers(struct sink *sink, const struct hw_target *target, uint64_t notes_size,
			uint64_t data_at, uint64_t data_end, GError **error)
{
	uint64_t count = (uint64_t)target->segment_count + 1;
	bool is_many = count >= PN_XNUM;
	Elf64_Ehdr header = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_phoff = sizeof(header),
	    .e_ehsize = sizeof(header),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = is_many ? PN_XNUM : (uint16_t)count,
	    .e_shoff = is_many ? data_end : 0,
	    .e_shentsize = is_many ? sizeof(Elf64_Shdr) : 0,
	    .e_shnum = is_many ? 1 : 0,
	};
	Elf64_Phdr phdr = {.p_type = PT_NOTE,
			   .p_offset = sizeof(header) + count * sizeof(phdr),
			   .p_filesz = notes_size,
			   .p_align = 4};

	if (!put(sink, &header, sizeof(header), error) || !put(sink, &phdr, sizeof(phdr), error))
		return false;
	for (uint32_t i = 0; i < target->segment_count; i++) {
		const struct hw_segment *s = &target->segments[i];

		phdr = (Elf64_Phdr){
		    .p_type = PT_LOAD,
		    .p_offset = data_at,
		    .p_vaddr = s->start,
		    .p_filesz = s->size,
		    .p_memsz = s->end - s->start,
		    .p_flags = (s->perm & HW_PERM_R ? (uint32_t)PF_R : 0) |
			       (s->perm & HW_PERM_W ? (uint32_t)PF_W : 0) |
			       (s->perm & HW_PERM_X ? (uint32_t)PF_X : 0),
		    .p_align = HW_PAGE,
		};
		if (!put(sink, &phdr, sizeof(phdr), error))
			return false;
		data_at += s->size;
	}
	return true;
}

static bool is_zero(const uint8_t *page)
{
	uint64_t words[8];

	for (uint64_t at = 0; at < HW_PAGE; at += sizeof(words)) {
		memcpy(words, page + at, sizeof(words));
		if (words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] |
		    words[7])
			return false;
	}
	return true;
}

/* Bytes [start, end) of the target's map, to position at. */
static bool put_pages(struct sink *sink, const struct hw_target *target, hw_addr addr,
		      uint64_t start, uint64_t end, uint64_t at, struct hw_snapshot_result *ret,
		      GError **error)
{
	uint8_t buffer[PIECE];

	for (uint64_t done = 0; start + done < end; done += PIECE) {
		uint64_t size = MIN(PIECE, end - start - done);
		const uint8_t *from = target->map + start + done;

		if (sink->options->filter) {
			memcpy(buffer, from, size);
			sink->options->filter(sink->options->arg, addr + done, start + done, buffer,
					      size);
			from = buffer;
		}
		for (uint64_t page = 0; page + HW_PAGE <= size; page += HW_PAGE) {
			if (is_zero(from + page)) {
				ret->zero += HW_PAGE;
				continue;
			}
			ret->bytes += HW_PAGE;
			if (!skip_to(sink, at + done + page, error) ||
			    !put(sink, from + page, HW_PAGE, error))
				return false;
		}
	}
	return true;
}

static bool put_segments(struct sink *sink, const struct hw_target *target, uint64_t at,
			 uint64_t total, struct hw_snapshot_result *ret, GError **error)
{
	for (uint32_t i = 0; i < target->segment_count; i++) {
		const struct hw_segment *s = &target->segments[i];
		uint64_t from = s->offset;
		uint64_t end = s->offset + s->size;
		uint64_t data, data_end;

		while (from < end && hw_target_data(target, from, end, &data, &data_end)) {
			if (hw_stop_requested()) {
				g_set_error(error, HW_ERROR, HW_ERROR_INTERRUPTED, "interrupted");
				return false;
			}
			hw_progress_bytes("writing the snapshot", ret->bytes + ret->zero, total);
			/* In steps, for the progress. */
			data_end = MIN(data_end, data + CHECK_EVERY / 4);
			if (!put_pages(sink, target, s->start + (data - s->offset), data, data_end,
				       at + (data - s->offset), ret, error))
				return false;
			from = data_end;
		}
		at += s->size;
	}
	return true;
}

static bool put_all(struct sink *sink, const struct hw_target *target, GByteArray *notes,
		    struct hw_snapshot_result *ret, GError **error)
{
	uint64_t data_at =
	    hw_page_up(sizeof(Elf64_Ehdr) +
		       ((uint64_t)target->segment_count + 1) * sizeof(Elf64_Phdr) + notes->len);
	uint64_t end = data_at;
	uint64_t total = 0;
	Elf64_Shdr many = {.sh_info = target->segment_count + 1};

	for (uint32_t i = 0; i < target->segment_count; i++)
		end += target->segments[i].size;
	for (size_t i = 0; i < target->stretch_count; i++)
		total += target->stretches[i].end - target->stretches[i].start;
	if (sink->packer && end > PACKED_MOST) {
		g_set_error(
		    error, HW_ERROR, HW_ERROR_UNSUPPORTED,
		    "%s: too much address space for a compressed snapshot; leave --compress "
		    "out: the file will be sparse",
		    sink->options->name);
		return false;
	}
	if ((!sink->packer && !check_disk(sink, total, error)) ||
	    !put_headers(sink, target, notes->len, data_at, end, error) ||
	    !put(sink, notes->data, notes->len, error) ||
	    !put_segments(sink, target, data_at, total, ret, error) || !skip_to(sink, end, error))
		return false;
	if (target->segment_count + 1 >= PN_XNUM && !put(sink, &many, sizeof(many), error))
		return false;
	ret->size = sink->at;
	if (!sink->packer && ftruncate(sink->options->fd, (off_t)sink->at) != 0)
		return fail(sink, errno, error);
	return true;
}

bool hw_snapshot_write(const struct hw_target *target, const struct hw_snapshot_options *options,
		       const struct hw_notes *notes, struct hw_snapshot_result *ret, GError **error)
{
	struct sink sink = {.options = options};
	struct hw_snapshot_result result = {0};
	GByteArray *bytes = hw_snapshot_notes(target, options->is_bare, notes);
	bool ok = !options->is_packed || open_packer(&sink, error);

	ok = ok && put_all(&sink, target, bytes, &result, error);
	ok = close_packer(&sink, ok ? error : NULL) && ok;
	g_byte_array_unref(bytes);
	hw_progress_end();
	if (ok)
		*ret = result;
	return ok;
}
