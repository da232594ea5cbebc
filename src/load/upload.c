/*
 * load/upload.c
 *		Files that the gateway has received and left in a folder.
 *
 * nginx writes the body of an upload into a file of its own and passes its name on,
 * so that no program in between holds it in memory.  The name comes with a request:
 * only files of that one folder are read, under the names that nginx gives.
 */
#include "base/medrec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "base/settings.h"
#include "load/upload.h"

/* longest file: what nginx takes */
#define UPLOAD_MAX_BYTES	(INT64CONST(1) << 30)

/* read at a time */
#define UPLOAD_PIECE		(8 * 1024 * 1024)

/* how long an upload may take */
#define UPLOAD_TIMEOUT_MS	(30 * 60 * 1000)

/* Whether a path is one that nginx gives to a body: digits, in folders of digits. */
static bool
IsBodyFile(const char *path)
{
	size_t		folder = strlen(medrec_upload_folder);
	const char *name = path + folder;

	return strncmp(path, medrec_upload_folder, folder) == 0 && name[0] == '/' &&
		name[1] != '\0' && strlen(name) < 64 && strspn(name, "/0123456789") == strlen(name);
}

/* Opens the file; its length goes into *len. */
static int
OpenBodyFile(const char *path, size_t *len)
{
	struct stat st;
	int			fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the uploaded file: %m"),
				 errhint("nginx and PostgreSQL must run on one host, and the server's user must be able to read what nginx writes.")));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the uploaded file is no file")));
	if (st.st_size > UPLOAD_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the uploaded file is larger than 1 GB")));
	*len = (size_t) st.st_size;
	return fd;
}

/* Reads an uploaded file. */
char *
upload_read(const char *path, size_t *len)
{
	int			fd;
	char	   *data;
	size_t		done = 0;

	if (medrec_upload_folder == NULL || *medrec_upload_folder == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("uploads are turned off"),
				 errhint("Set medrec.upload_folder to the folder where nginx keeps bodies.")));
	if (!IsBodyFile(path))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("not a file of medrec.upload_folder")));
	fd = OpenBodyFile(path, len);
	data = MemoryContextAllocHuge(CurrentMemoryContext, *len + 1);
	while (done < *len)
	{
		ssize_t		n = read(fd, data + done, Min(*len - done, UPLOAD_PIECE));

		CHECK_FOR_INTERRUPTS();
		if (n < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read the uploaded file: %m")));
		if (n == 0)
			break;
		done += n;
	}
	CloseTransientFile(fd);
	*len = done;
	data[done] = '\0';
	return data;
}

/* Gives the statement the time of an upload: a gigabyte takes longer than a request. */
void
upload_extend_timeout(void)
{
	if (get_timeout_active(STATEMENT_TIMEOUT))
		enable_timeout_after(STATEMENT_TIMEOUT, UPLOAD_TIMEOUT_MS);
}
