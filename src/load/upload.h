/*
 * load/upload.h
 *		Files that the gateway has received and left in a folder.
 */
#ifndef MEDREC_LOAD_UPLOAD_H
#define MEDREC_LOAD_UPLOAD_H

/*
 * Reads a file of medrec.upload_folder into the current memory context; its length
 * goes into *len.  55000 where there is no such folder, 42501 for any other path,
 * 54000 for a file that is too long.
 */
extern char *upload_read(const char *path, size_t *len);

/* lets the statement go on as long as an upload may take, whatever statement_timeout is */
extern void upload_extend_timeout(void);

#endif							/* MEDREC_LOAD_UPLOAD_H */
